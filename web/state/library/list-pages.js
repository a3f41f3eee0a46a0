// Lists that the server gives in pages; pure.

/**
 * Whether a further page is to be asked for, so that a list that is shown again is as long as it was.
 *
 * @param {{ locked: boolean, next: string | null, problem: string }} list as its page shows it
 * @param {number} length of it so far
 * @param {number} count how long it was
 */
export const wantsMore = ({ locked, next, problem }, length, count) =>
  !locked && !problem && next !== null && length < count
