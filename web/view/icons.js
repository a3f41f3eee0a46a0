// The shapes of our icons on a 20 × 20 grid, drawn as strokes.

const SVG = 'http://www.w3.org/2000/svg'
const ICONS = {
  mic: [
    'M10 2.5a2.75 2.75 0 0 1 2.75 2.75v4.5a2.75 2.75 0 0 1-5.5 0v-4.5A2.75 2.75 0 0 1 10 2.5Z',
    'M4.5 9.5a5.5 5.5 0 0 0 11 0',
    'M10 15v2.5',
  ],
  silenced: [
    'M7.25 7.25v2.5a2.75 2.75 0 0 0 4.6 2',
    'M12.75 8.5V5.25a2.75 2.75 0 0 0-5.2-1.2',
    'M4.5 9.5a5.5 5.5 0 0 0 9 4.2',
    'M10 15v2.5',
    'M3.5 3.5l13 13',
  ],
  tab: ['M3 4.5h14v8.5H3Z', 'M7 16.5h6', 'M8.5 10.5v-3.7l3.5-.8v3.7'],
  play: ['M6.5 4.2v11.6l9-5.8-9-5.8Z'],
  pause: ['M6.5 4.5v11', 'M13.5 4.5v11'],
  rewind: ['M9.5 5.5L4 10l5.5 4.5Z', 'M16 5.5L10.5 10l5.5 4.5Z'],
  forward: ['M4 5.5L9.5 10L4 14.5Z', 'M10.5 5.5L16 10l-5.5 4.5Z'],
  again: ['M4.5 6.5A7 7 0 1 1 3 10.5', 'M4 2.5v4.2h4.2', 'M10 6.5v4l2.8 1.6'],
  bars: ['M4 16.5v-6', 'M10 16.5v-13', 'M16 16.5v-9'],
  link: [
    'M8.4 11.6a3.2 3.2 0 0 0 4.6 0l2.4-2.4a3.25 3.25 0 0 0-4.6-4.6l-.9.9',
    'M11.6 8.4a3.2 3.2 0 0 0-4.6 0l-2.4 2.4a3.25 3.25 0 0 0 4.6 4.6l.9-.9',
  ],
  download: ['M10 3v9.5', 'M6 9l4 4 4-4', 'M3.5 16.5h13'],
  upload: ['M10 12.5V3', 'M6 7l4-4 4 4', 'M3.5 16.5h13'],
  cross: ['M5 5l10 10', 'M15 5L5 15'],
  trash: ['M3.5 5.5h13', 'M8 5.5v-2h4v2', 'M5 5.5l.8 11h8.4l.8-11'],
  back: ['M12 4l-6 6 6 6'],
  down: ['M10 4v12', 'M5 11l5 5 5-5'],
  sound: ['M3.5 8v4h3l4 3.5v-11L6.5 8h-3Z', 'M13.5 7.2a4 4 0 0 1 0 5.6', 'M15.8 5a7 7 0 0 1 0 10'],
  muted: ['M3.5 8v4h3l4 3.5v-11L6.5 8h-3Z', 'M13.5 8l4 4', 'M17.5 8l-4 4'],
  overlap: ['M8 4.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11Z', 'M12.5 4.6a5.5 5.5 0 0 1 0 10.8'],
  terms: ['M4 5.5h12', 'M4 10h7', 'M4 14.5h5', 'M14.5 10.5v6', 'M11.5 13.5h6'],
  notes: ['M5.5 3h6.5l3.5 3.5V17h-10Z', 'M8 9h4.5', 'M8 12.5h4.5'],
  pencil: ['M4 16l.8-3.4L13.6 3.8a1.6 1.6 0 0 1 2.3 0l.3.3a1.6 1.6 0 0 1 0 2.3L7.4 15.2 4 16Z', 'M12 5.4l2.6 2.6'],
  search: ['M9 3.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11Z', 'M13 13l4 4'],
  check: ['M4 10.5l4 4 8-9'],
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 20 20')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  for (const shape of ICONS[name]) {
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('d', shape)
    svg.append(path)
  }
  return svg
}
