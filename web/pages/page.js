// What a page is, and what it is opened with, as types. Nothing of this is run.

/** @typedef {import('../audio/recorder.js').AudioInput} AudioInput */
/** @typedef {import('../net/api.js').Links} Links */

/**
 * What the page that was left has in hand: a meeting that it has just made, and its sound.
 *
 * @typedef {object} NewMeeting
 * @property {AudioInput} [input] opened, not started
 * @property {import('../state/sources/participant.js').Participant} [participant] who is heard
 * @property {Links} [links]
 * @property {string} [title]
 */

/** @typedef {{ go: (path: string, meeting?: NewMeeting) => void }} Navigation  go: to another page, without a reload */
/** @typedef {import('../view/shell.js').Shell & Navigation} PageShell */

/**
 * @typedef {object} Page
 * @property {() => void} mount
 * @property {() => void} unmount
 * @property {() => void} redraw what it has drawn is gone, and its language may be another one
 * @property {() => unknown} [keep] what it asks for to be as it is when somebody comes back, as JSON; null where it is
 *   to be opened as if for the first time
 * @property {boolean} [leadsOn] whether it leads to what is new by itself, and nobody who comes back to where they were
 * @property {boolean} [holds] whether something would be lost with it, such as a recording
 * @property {() => Promise<boolean>} [mayLeave] asked before another page is shown, where it holds something
 */

export {}
