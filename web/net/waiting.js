// Waiting for the server, with an end to the patience.

/** @typedef {import('./connection.js').Connection} Connection */

const LOOK = 50 // milliseconds

/**
 * Waits while something holds, and no longer than that many milliseconds.
 *
 * @param {() => boolean} holds
 * @param {number} longest milliseconds
 */
export async function waitWhile(holds, longest) {
  const until = performance.now() + longest
  while (holds() && performance.now() < until) {
    await new Promise((wake) => setTimeout(wake, LOOK))
  }
}

/**
 * Waits until the server has confirmed what a connection still holds.
 *
 * @param {Connection | null} connection that has been told to stop
 * @param {number} longest milliseconds: beyond them what is unconfirmed is given up
 */
export const drained = (connection, longest) => waitWhile(() => holdsAudio(connection), longest)

/** @param {Connection | null} connection */
function holdsAudio(connection) {
  return connection !== null && connection.unsent > 0 && !['closed', 'failed'].includes(connection.state)
}
