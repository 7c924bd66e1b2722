/**
 * The plots of the benchmarks page: each a function from the results of a suite to an SVG. The same results give the same
 * text, byte for byte.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** @typedef {import('../harness.mjs').Cell} Cell */
/** @typedef {import('../harness.mjs').Row} Row */

const OURS = '#c2410c';
const OTHERS = '#64748b';
/** So that lines beside each other can be told apart. */
const PALETTE = ['#64748b', '#0f766e', '#7c3aed', '#a16207', '#be185d'];
const WIDTH = 760;
const HEIGHT = 340;
/** Above and below what is drawn, as the library has it if it is not told. */
const [ABOVE, BELOW] = [20, 30];
/** The least between two labels. */
const LINE_HEIGHT = 14;

/** @param {Plot.PlotOptions} options @returns {string} */
const svgOf = (options) => {
  const { document } = parseHTML('<html></html>');
  const plot = Plot.plot({
    document,
    width: WIDTH,
    className: 'plot',
    style: { background: 'white', color: '#1e293b', fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
    ...options,
  });
  // A figure, where there are facets or a legend, is around the drawing.
  const svg = plot.tagName.toLowerCase() === 'svg' ? plot : plot.querySelector('svg:last-of-type');
  svg?.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${svg?.outerHTML ?? ''}\n`;
};

/** @param {string} name */
const isOurs = (name) => !/floor|plain|setInterval|google|smithy|lru|raw|bare|Piscina|Map|LMDB|Redis/.test(name);

/** At the end of a bar. @param {number} value */
const label = (value) => String(Number(value.toPrecision(3)));

/**
 * Bars on a logarithmic scale, the median, with a line from the 5th to the 95th percentile.
 *
 * @param {readonly Row[]} rows all of one unit
 */
export const bars = (rows) => {
  const least = Math.min(...rows.map(({ p5 }) => p5)) / 2;
  return svgOf({
    height: 50 + rows.length * 26,
    marginLeft: 300,
    marginRight: 60,
    x: { type: 'log', grid: true, label: `${rows[0]?.unit ?? ''}, logarithmic`, tickFormat: String },
    y: { label: null, domain: rows.map(({ name }) => name) },
    marks: [
      Plot.barX(rows, { y: 'name', x1: least, x2: 'median', fill: ({ name }) => (isOurs(name) ? OURS : OTHERS) }),
      Plot.ruleY(rows, { y: 'name', x1: 'p5', x2: 'p95', strokeWidth: 1.5 }),
      Plot.text(rows, {
        y: 'name',
        x: ({ median, p95 }) => Math.max(median, p95),
        text: ({ median }) => label(median),
        textAnchor: 'start',
        dx: 6,
      }),
    ],
  });
};

/**
 * How far each label is moved down from its place, so that none lies on another: from the top one on.
 *
 * @param {readonly number[]} places in pixels from the top
 */
const movedApart = (places) => {
  const moved = places.map(() => 0);
  let free = -Infinity;
  for (const index of places.map((_, at) => at).sort((one, other) => (places[one] ?? 0) - (places[other] ?? 0))) {
    const place = Math.max(places[index] ?? 0, free);
    moved[index] = place - (places[index] ?? 0);
    free = place + LINE_HEIGHT;
  }
  return moved;
};

/**
 * Lines over a number, one a series, told apart by a label at their end.
 *
 * @param {readonly Cell[]} cells
 * @param {{ x: string, y: string, series?: string, logarithmic?: boolean, zero?: boolean }} by
 */
export const lines = (cells, { x, y, series, logarithmic = false, zero = false }) => {
  const positive = logarithmic ? cells.filter((cell) => Number(cell[y]) > 0) : cells;
  const names = series ? [...new Set(positive.map((cell) => String(cell[series])))] : [];
  const others = names.filter((name) => !isOurs(name));
  const colourOf = (/** @type {string} */ name) =>
    isOurs(name) ? OURS : (PALETTE[others.indexOf(name) % PALETTE.length] ?? OTHERS);
  const stroke = (/** @type {Cell} */ cell) => (series ? colourOf(String(cell[series])) : OTHERS);
  const values = positive.map((cell) => Number(cell[y]));
  const domain = [zero ? 0 : Math.min(...values), Math.max(...values)];
  const [low = 0, high = 0] = logarithmic ? domain.map(Math.log) : domain;
  const last = names.map((name) => positive.findLast((cell) => series && String(cell[series]) === name) ?? {});
  const moved = movedApart(
    last.map((cell) => {
      const value = logarithmic ? Math.log(Number(cell[y])) : Number(cell[y]);
      return ABOVE + ((high - value) / (high - low)) * (HEIGHT - ABOVE - BELOW);
    }),
  );
  return svgOf({
    height: HEIGHT,
    marginTop: ABOVE,
    marginBottom: BELOW,
    marginLeft: 60,
    marginRight: series ? 170 : 30,
    x: { label: x, grid: true },
    y: { label: y, grid: true, domain, ...(logarithmic && { type: 'log', tickFormat: String }) },
    marks: [
      Plot.lineY(positive, { x, y, ...(series && { z: series }), stroke }),
      ...(series ? [Plot.dot(positive, { x, y, fill: stroke, r: 3 })] : []),
      ...last.map((cell, index) =>
        Plot.text([cell], {
          x,
          y,
          text: [names[index]],
          fill: stroke(cell),
          textAnchor: 'start',
          dx: 8,
          dy: moved[index] ?? 0,
        }),
      ),
    ],
  });
};

/**
 * Bars in groups, from 0.
 *
 * @param {readonly Cell[]} cells
 * @param {{ group: string, name: string, value: string }} by
 */
export const groups = (cells, { group, name, value }) => {
  const names = [...new Set(cells.map((cell) => String(cell[name])))];
  return svgOf({
    height: 60 + cells.length * 20,
    marginLeft: 210,
    marginRight: 120,
    x: { label: value, grid: true, insetRight: 40 },
    y: { label: null, domain: names },
    fy: { label: null, axis: 'right' },
    marks: [
      Plot.barX(cells, {
        fy: group,
        y: name,
        x: value,
        fill: (/** @type {Cell} */ cell) => (isOurs(String(cell[name])) ? OURS : OTHERS),
      }),
      Plot.text(cells, {
        fy: group,
        y: name,
        x: value,
        text: (/** @type {Cell} */ cell) => label(Number(cell[value])),
        textAnchor: 'start',
        dx: 6,
      }),
    ],
  });
};
