/**
 * What the package has, and what the reference says that it has: a table of a reference page that stands below a comment
 *
 *     <!-- members of: SupervisorOptions -->
 *
 * is to have a row for each member of that type, and none else. The first cell of a row names the member, in backticks.
 * Of a union of literals the members are the literals.
 */
import ts from 'typescript';

export interface ReferenceTable {
  readonly page: string;
  /** Counted from 1. */
  readonly line: number;
  readonly of: string;
  /** The rows, each under the name in its first cell. */
  readonly rows: ReadonlyMap<string, string>;
}

const MARK = /^<!-- members of: (?<of>.+) -->$/;
const NAME = /^\|\s*`(?<name>[^`(]+)(?:\([^`]*\))?`/;

/** The tables of a page that are to be complete. */
export const tablesOf = (page: string, text: string): ReferenceTable[] => {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const of = MARK.exec(line.trim())?.groups?.['of'];
    if (of === undefined) return [];
    const start = lines.findIndex((each, index) => index > at && each.startsWith('|'));
    const end = lines.findIndex((each, index) => index > start && !each.startsWith('|'));
    const body = lines.slice(start + 2, end < 0 ? undefined : end);
    const rows = body.map((row) => [NAME.exec(row)?.groups?.['name'] ?? row, row] as const);
    return [{ page, line: at + 1, of, rows: new Map(rows) }];
  });
};

export interface Member {
  readonly name: string;
  /** What its `@default` says, if it has one. */
  readonly defaultText?: string;
}

/** Looks up what the package's declarations say. */
export interface PublicSurface {
  /** The members of an exported type; undefined if there is none. */
  membersOf(what: string): readonly Member[] | undefined;
}

const toMember = (symbol: ts.Symbol): Member => {
  const tag = symbol.getJsDocTags().find(({ name }) => name === 'default');
  const text = tag && ts.displayPartsToString(tag.text).trim();
  return { name: symbol.name, ...(text !== undefined && { defaultText: text }) };
};

/** @param entries the package's specifiers, each with its .d.ts file */
export const readSurface = (entries: ReadonlyMap<string, string>): PublicSurface => {
  const program = ts.createProgram([...entries.values()], {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    skipLibCheck: true,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const exportsOf = (specifier: string): ts.Symbol[] => {
    const source = program.getSourceFile(entries.get(specifier) ?? '');
    const module = source && checker.getSymbolAtLocation(source);
    return (module ? checker.getExportsOfModule(module) : []).map((exported) =>
      exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported,
    );
  };
  const all = new Map([...entries.keys()].flatMap(exportsOf).map((symbol) => [symbol.name, symbol]));

  const typeMembers = (symbol: ts.Symbol): Member[] => {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    if (type.isUnion() && type.types.every((each) => each.isStringLiteral())) {
      return type.types.map((each) => ({ name: each.value }));
    }
    return (
      checker
        .getPropertiesOfType(type)
        // Neither #private names, nor symbols, nor what every Error has.
        .filter(({ name }) => !/^(__|#|prototype$|stack$)/.test(name))
        .map(toMember)
    );
  };

  return {
    membersOf(what) {
      const symbol = all.get(what);
      return symbol && typeMembers(symbol);
    },
  };
};
