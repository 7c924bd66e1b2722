/**
 * Whether a function throws, or refuses its arguments by one of our checks, in its own body.
 */
import ts from 'typescript';

/** How our checks of arguments are called. */
const CHECK = /^check[A-Z]/;

/** @param {ts.Node} node @returns {boolean} */
const throwsWithin = (node) => {
  if (ts.isThrowStatement(node)) return true;
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && CHECK.test(node.expression.text)) return true;
  // What a function in there throws is for whoever calls that one.
  if (ts.isFunctionLike(node)) return false;
  return ts.forEachChild(node, throwsWithin) ?? false;
};

/** The body of a function, a method, or a constant that is a function. @param {ts.Node} declaration */
const bodyOf = (declaration) => {
  const node = ts.isVariableDeclaration(declaration) ? declaration.initializer : declaration;
  return node && ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
};

/**
 * @param {readonly ts.Node[]} declarations
 * @returns {'throws' | 'runs' | undefined} undefined of what is no function with a body
 */
export const conductOf = (declarations) => {
  const bodies = declarations.map(bodyOf).filter((body) => body !== undefined);
  if (bodies.length === 0) return undefined;
  return bodies.some((body) => throwsWithin(body)) ? 'throws' : 'runs';
};
