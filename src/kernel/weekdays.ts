/** As ISO 8601 counts them. */
export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** One day of a month: by its number, where a month that lacks it has its last day instead, or by a weekday in it. */
export type DayOfMonth =
  | { readonly day: number | 'last' }
  | { readonly nth: { readonly week: 1 | 2 | 3 | 4 | 'last'; readonly weekday: Weekday } };
