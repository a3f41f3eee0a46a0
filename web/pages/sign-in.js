// Signs this tab in with the server's token.

import { listMeetings } from '../net/api.js'
import { keepServerToken, signOut } from '../net/tokens.js'
import { t } from '../texts/texts.js'

/** @typedef {import('../net/api.js').ApiError} ApiError */

/**
 * @param {string} token
 * @returns {Promise<string>} what is wrong; empty once the server has taken the token
 */
export async function signIn(token) {
  if (!keepServerToken(token)) {
    signOut()
    return t('sign-in.wrong')
  }
  try {
    await listMeetings()
    return ''
  } catch (caught) {
    const error = /** @type {ApiError} */ (caught)
    signOut()
    return error.status === 401 ? t('sign-in.wrong') : error.message
  }
}
