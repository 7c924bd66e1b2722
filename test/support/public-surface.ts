/** All that the package exports and that can be called with something, by the types that it ships. */
import path from 'node:path';
import ts from 'typescript';
import manifest from '../../package.json' with { type: 'json' };
import { ROOT } from '../run/setup.mjs';

/** What every Error has, and texts. */
const OF_THE_LANGUAGE = /^(captureStackTrace|prepareStackTrace|stackTraceLimit|prototype)$/;

/** `__@custom@416`: a member that goes by a symbol. */
const nameOf = (symbol: ts.Symbol): string => symbol.name.replace(/^__@(\w+)@\d+$/, '@@$1');

const takesAny = (signatures: readonly ts.Signature[]): boolean =>
  signatures.some(({ parameters }) => parameters.length > 0);

const isCalled = (checker: ts.TypeChecker, symbol: ts.Symbol): boolean =>
  takesAny(checker.getNonNullableType(checker.getTypeOfSymbol(symbol)).getCallSignatures());

const membersOf = (checker: ts.TypeChecker, name: string, symbol: ts.Symbol): string[] => {
  const members: string[] = [];
  if (symbol.flags & ts.SymbolFlags.Value) {
    const type = checker.getTypeOfSymbol(symbol);
    if (takesAny(type.getCallSignatures())) members.push(name);
    if (takesAny(type.getConstructSignatures())) members.push(`new ${name}`);
    if (type.getConstructSignatures().length > 0) {
      const statics = type
        .getProperties()
        .filter((each) => isCalled(checker, each) && !OF_THE_LANGUAGE.test(each.name));
      members.push(...statics.map((each) => `${name}::${nameOf(each)}`));
    }
  }
  // Of an alias there is nothing to be called that is not said where its members come from.
  if (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface)) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    members.push(
      ...type
        .getProperties()
        .filter((each) => isCalled(checker, each))
        .map((each) => `${name}.${nameOf(each)}`),
    );
  }
  return members;
};

/** `startSupervisor`, `new Token`, `ProviderError::fatal`, `CredentialReader.get`: each once, whatever subpath has it. */
export const publicSurface = (): string[] => {
  const entries = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [] : [path.join(ROOT, target.types)],
  );
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const found = entries.flatMap((entry) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!)!;
    return checker.getExportsOfModule(module).flatMap((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      return membersOf(checker, exported.name, symbol);
    });
  });
  return [...new Set(found)];
};
