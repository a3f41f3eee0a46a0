// What a token allows; pure. The server decides: the page only does not offer what would be refused.

/** @typedef {'view' | 'speak' | 'host' | 'server'} Role  from least to most */

/** @type {Readonly<Record<Role, number>>} */
const RANKS = { view: 1, speak: 2, host: 3, server: 4 }

/**
 * Whether whoever has `role` may do what `needed` may.
 *
 * @param {Role} role
 * @param {Role} needed
 */
export const allows = (role, needed) => RANKS[role] >= RANKS[needed]
