// Where this server's pages are: a proxy may show them below any path.

const ROOT = new URL('../../', import.meta.url) // this file lies in the server's static/net/

/** The path of the first page. */
export const home = ROOT.pathname

/**
 * @param {string} path within the server, without a slash before it
 */
export const serverUrl = (path) => new URL(path, ROOT)

/**
 * @param {string} id of a meeting
 */
export const meetingPath = (id) => serverUrl(`m/${encodeURIComponent(id)}`).pathname

/**
 * Path of a meeting's page at a moment of it.
 *
 * @param {string} id of a meeting
 * @param {number} seconds from its start
 */
export const momentPath = (id, seconds) => `${meetingPath(id)}?t=${Number(seconds.toFixed(3))}`

/** The path of the search page. */
export const search = serverUrl('search').pathname

/** The path of the page of the voices that are kept. */
export const voices = serverUrl('voices').pathname

/**
 * The meeting that a path of this site shows; null where it shows none.
 *
 * @param {string} path
 * @returns {string | null}
 */
export const meetingAt = (path) => idIn(path, /^m\/([^/]+)\/?$/)

/**
 * The meeting whose captions a path of this site shows; null where it shows none.
 *
 * @param {string} path
 * @returns {string | null}
 */
export const captionsAt = (path) => idIn(path, /^m\/([^/]+)\/captions$/)

/**
 * @param {string} path
 * @param {RegExp} form of what stands behind the path of the first page
 */
function idIn(path, form) {
  const found = path.startsWith(home) && form.exec(path.slice(home.length))
  if (!found) return null
  try {
    return decodeURIComponent(found[1])
  } catch {
    return found[1] // no server of ours made this
  }
}

/**
 * The address of the captions of the meeting that a link opens, with what opens it.
 *
 * @param {string} link
 */
export function captionsUrl(link) {
  const url = new URL(link)
  url.pathname += '/captions'
  return url.href
}

/**
 * The whole of a link that the server told without its name, with or without the path that stands before it.
 *
 * @param {string} link
 */
export const absoluteUrl = (link) => serverUrl(link.slice(link.lastIndexOf('/m/') + 1)).href
