import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * The contracts of the stored events as JSON Schemas (draft 2020-12), read off the TypeScript types in
 * src/<module>/domain/events.ts. They are committed under docs/events, so that a change to a contract shows in a diff:
 * `npm run schemas` writes them, test/event-schemas.spec.ts fails while they are not what the types say.
 */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** Of all contracts, as the events' metadata say it. */
const VERSION = 1;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const SCHEMAS_FOLDER = fileURLToPath(new URL('../docs/events/', import.meta.url));

/** The text of each schema by its file's name, `<Type>.v<version of the contract>.json`. */
export function eventSchemas(): ReadonlyMap<string, string> {
  const files = globSync('src/*/domain/events.ts', { cwd: ROOT })
    .sort()
    .map((file) => ROOT + file);
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    lib: ['lib.es2024.d.ts'],
    types: [],
    strict: true,
    noEmit: true,
  });
  // A type that cannot be resolved is `any`, and would be found out below; this says why.
  const [fault] = ts.getPreEmitDiagnostics(program).filter(({ category }) => category === ts.DiagnosticCategory.Error);
  if (fault) throw new Error(ts.flattenDiagnosticMessageText(fault.messageText, '\n'));
  const checker = program.getTypeChecker();
  const schemas = files.flatMap((file) =>
    checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!)
      .filter(({ flags }) => flags & ts.SymbolFlags.Interface)
      .map((symbol) => checker.getDeclaredTypeOfSymbol(symbol))
      .filter((type) => type.getProperty('type') && type.getProperty('data'))
      .map((type) => schemaFile(checker, type)),
  );
  return new Map(schemas.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function schemaFile(checker: ts.TypeChecker, type: ts.Type): [string, string] {
  const name = `${type.symbol.name}.v${VERSION}.json`;
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: name,
    title: type.symbol.name,
    ...new Contract(checker).schema(type),
  };
  return [name, `${JSON.stringify(schema, null, 2)}\n`];
}

/** One event type: what its interface says, with the named types it uses once each under `$defs`. */
class Contract {
  private readonly checker: ts.TypeChecker;
  private readonly definitions = new Map<string, JsonSchema>();

  constructor(checker: ts.TypeChecker) {
    this.checker = checker;
  }

  schema(event: ts.Type): JsonSchema {
    const schema = this.objectSchema(event);
    const $defs = Object.fromEntries([...this.definitions].sort(([a], [b]) => (a < b ? -1 : 1)));
    return this.definitions.size === 0 ? schema : { ...schema, $defs };
  }

  private typeSchema(type: ts.Type): JsonSchema {
    if (type.flags & ts.TypeFlags.String) return { type: 'string' };
    // What is not whole (amounts, rates) travels as a decimal string: every number of an event is a count.
    if (type.flags & ts.TypeFlags.Number) return { type: 'integer' };
    if (type.flags & ts.TypeFlags.Boolean) return { type: 'boolean' };
    if (type.flags & ts.TypeFlags.Null) return { type: 'null' };
    if (type.isLiteral()) return { const: type.value };
    if (type.isUnion()) return this.namedUnion(type) ?? this.unionSchema(type.types);
    if (this.checker.isArrayType(type)) {
      const [element] = this.checker.getTypeArguments(type as ts.TypeReference);
      return { type: 'array', items: this.typeSchema(element!) };
    }
    const { aliasSymbol: alias, symbol } = type;
    if (alias?.name === 'Instant') return this.defined(alias, () => ({ type: 'string', format: 'date-time' }));
    if (type.isClassOrInterface()) return this.defined(symbol, () => this.objectSchema(type));
    return this.objectSchema(type);
  }

  /** A union of objects that has a name stands under it, since it may contain itself, as conditions do. */
  private namedUnion({ aliasSymbol, types }: ts.UnionType): JsonSchema | undefined {
    const hasObjects = types.some(({ flags }) => flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection));
    return aliasSymbol && hasObjects ? this.defined(aliasSymbol, () => this.unionSchema(types)) : undefined;
  }

  /** The compiler keeps the members in an order of its own; here they are sorted, what is null at the end. */
  private unionSchema(types: readonly ts.Type[]): JsonSchema {
    const members = types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined));
    if (members.every(({ flags }) => flags & ts.TypeFlags.BooleanLiteral)) return { type: 'boolean' };
    if (members.every((member) => member.isStringLiteral())) return { enum: members.map(({ value }) => value).sort() };
    const schemas = members.map((member) => this.typeSchema(member));
    if (schemas.length === 1) return schemas[0]!;
    return { anyOf: schemas.sort((a, b) => Number(a['type'] === 'null') - Number(b['type'] === 'null')) };
  }

  /** Exactly these fields; those of the parts of an intersection are all its own. */
  private objectSchema(type: ts.Type): JsonSchema {
    const keyed = this.checker.getIndexTypeOfType(type, ts.IndexKind.String);
    if (keyed) return { type: 'object', additionalProperties: this.typeSchema(keyed) };
    // What may be a field in other members of a union, and is none here, has the type `never`.
    const fields = this.checker.getPropertiesOfType(type).filter((field) => !this.isNever(field));
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) || fields.length === 0) {
      throw new Error(`no JSON Schema for the type ${this.checker.typeToString(type)}`);
    }
    return {
      type: 'object',
      properties: Object.fromEntries(fields.map((field) => [field.name, this.fieldSchema(field)])),
      required: fields.filter(({ flags }) => !(flags & ts.SymbolFlags.Optional)).map(({ name }) => name),
      additionalProperties: false,
    };
  }

  private isNever(field: ts.Symbol): boolean {
    const type = this.checker.getTypeOfSymbol(field);
    return (
      Boolean(this.checker.getNonNullableType(type).flags & ts.TypeFlags.Never) && !(type.flags & ts.TypeFlags.Null)
    );
  }

  private fieldSchema(field: ts.Symbol): JsonSchema {
    return { ...this.described(field), ...this.typeSchema(this.checker.getTypeOfSymbol(field)) };
  }

  private defined(symbol: ts.Symbol, schema: () => JsonSchema): JsonSchema {
    if (!this.definitions.has(symbol.name)) {
      // Reserved first: on the way into itself it is referred to.
      this.definitions.set(symbol.name, {});
      this.definitions.set(symbol.name, { ...this.described(symbol), ...schema() });
    }
    return { $ref: `#/$defs/${symbol.name}` };
  }

  private described(symbol: ts.Symbol): JsonSchema {
    const description = ts.displayPartsToString(symbol.getDocumentationComment(this.checker)).replaceAll('\n', ' ');
    return description === '' ? {} : { description };
  }
}

if (import.meta.main) {
  mkdirSync(SCHEMAS_FOLDER, { recursive: true });
  const schemas = eventSchemas();
  for (const [name, text] of schemas) writeFileSync(SCHEMAS_FOLDER + name, text);
  console.log(`${schemas.size} schemas in docs/events`);
}
