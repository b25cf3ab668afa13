/**
 * A digest's colors. Those of the light page stand inline in the HTML; the style sheet holds what differs in the dark
 * and on a telephone. Programs that drop it or turn the colors around by themselves still show something calm.
 */

export const PAGE = '#f3f4f6';
export const PAPER = '#ffffff';
export const INK = '#1f2328';
export const SOFT = '#656d76';
export const LINE = '#e7e9ec';
export const TRACK = '#eceef1';

/** Of middle brightness, so that they can be told from a white and from a black page. */
export const BAR_COLOR = '#5b8def';
export const CATEGORY_COLORS: Readonly<Record<string, string>> = {
  Primary: '#5b8def',
  Updates: '#e2a33c',
  Promotions: '#46a882',
  Social: '#9a78dd',
  Forums: '#d9708a',
};

/** Says that the page knows the dark; on its own, because Gmail drops a style sheet whole for one rule it dislikes. */
export const COLOR_SCHEME = ':root { color-scheme: light dark; supported-color-schemes: light dark; }';

export const STYLE_SHEET = `
@media (max-width: 480px) {
  .frame { padding: 0 !important; }
  .paper { border-radius: 0 !important; }
  .sheet { padding: 24px 18px !important; }
}
@media (prefers-color-scheme: dark) {
  .page { background: #101214 !important; }
  .paper { background: #1a1d21 !important; }
  .ink { color: #e6e8eb !important; }
  .soft { color: #9ba3ad !important; }
  .line { border-color: #2b3036 !important; }
  .track { background: #2b3036 !important; }
}
`;
