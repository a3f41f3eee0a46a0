// Waiting until the server has confirmed what a connection still holds.

/** @typedef {import('./connection.js').Connection} Connection */

const LOOK = 50 // milliseconds

/**
 * @param {Connection | null} connection that has been told to stop
 * @param {number} longest milliseconds: beyond them what is unconfirmed is given up
 */
export async function drained(connection, longest) {
  const until = performance.now() + longest
  while (holdsAudio(connection) && performance.now() < until) {
    await new Promise((wake) => setTimeout(wake, LOOK))
  }
}

/** @param {Connection | null} connection */
function holdsAudio(connection) {
  return connection !== null && connection.unsent > 0 && !['closed', 'failed'].includes(connection.state)
}
