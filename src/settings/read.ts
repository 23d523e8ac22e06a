/** Reads one environment variable, or its default; what is wrong with it is added to the faults of all. */
export type Read = <T>(name: string, byDefault: string, parse: (text: string) => T | string[]) => T;
