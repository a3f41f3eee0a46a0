// Where people were on the pages of this tab, so that the way back through its history leads there, as a reload does.

import { tabStorage } from '../storage/storage.js'
import { WayBack, placeIn } from '../view/place.js'

/** @typedef {import('../view/place.js').Place} Place */
/** @typedef {{ path: string, place: Place | null, held: unknown }} Kept  place: null where the page leads on itself */

const SLOT = 'places'
const MOST = 50 // entries of the history that are remembered

export class Places {
  #root
  /** @type {WayBack | null} */
  #way = null

  /** @param {Element} root that holds the pages */
  constructor(root) {
    this.#root = root
  }

  /**
   * Where somebody is now.
   *
   * @param {string} entry of the history
   * @param {string} path that it shows
   * @param {unknown} held what its page asks for to be as it is; null where it is to be opened as if for the first time
   * @param {boolean} leadsOn its page leads to what is new by itself, and nobody back to where they were
   */
  keep(entry, path, held, leadsOn) {
    const others = stored().filter(([one]) => one !== entry)
    const place = leadsOn ? null : placeIn(this.#root)
    /** @type {[string, Kept][]} */
    const kept = held === null ? others : [...others, [entry, { path, place, held }]]
    if (kept.length) tabStorage.set(SLOT, JSON.stringify(kept.slice(-MOST)))
    else forgetPlaces()
  }

  /**
   * What a page asked for when it was left; null where it never was.
   *
   * @param {string} entry
   * @param {string} path
   * @returns {unknown}
   */
  held = (entry, path) => keptAt(entry, path)?.held ?? null

  /**
   * Leads to where somebody was, or to the top of a page that is new.
   *
   * @param {string} entry
   * @param {string} path
   */
  bring(entry, path) {
    this.leave()
    window.scrollTo(0, 0)
    const place = keptAt(entry, path)?.place
    if (!place) return
    this.#way = new WayBack(this.#root, place)
    this.#way.open()
  }

  /** Leads nowhere any more. */
  leave() {
    this.#way?.close()
    this.#way = null
  }
}

/** Nobody's places are remembered any more, as after signing out. */
export const forgetPlaces = () => tabStorage.remove(SLOT)

/** @type {() => [string, Kept][]} by entry of the history, the newest last */
const stored = () => JSON.parse(tabStorage.get(SLOT) ?? '[]')

/** @type {(entry: string, path: string) => Kept | undefined} */
const keptAt = (entry, path) => stored().find(([one, kept]) => one === entry && kept.path === path)?.[1]
