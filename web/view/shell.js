// What stays while one page leads to another, as a type. Nothing of this is run.

/**
 * @typedef {object} Shell
 * @property {HTMLElement} main where a page is drawn
 * @property {HTMLElement} actions its buttons in the bar
 * @property {HTMLElement} announcer what screen readers read out
 * @property {() => void} reload the page anew, with what may be opened now
 */

export {}
