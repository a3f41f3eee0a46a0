// Shows a transcript: patches the turns and segments that changed and leaves the rest of the page alone.

import { clock, speakerColor, speakerName } from '../../state/format.js'
import { splitPartial } from '../../state/partial-text.js'
import { ofServer, spoken, t } from '../../texts/texts.js'
import { el, setText } from '../dom.js'
import { icon } from '../icons.js'

/** @typedef {import('../../state/transcript.js').Segment} Segment */
/** @typedef {import('../../state/transcript.js').Speakers} Speakers */
/** @typedef {import('../../state/turns.js').Block} Block */
/** @typedef {import('../../state/turns.js').ShownGap} ShownGap */
/** @typedef {import('../../state/turns.js').Turn} Turn */

/** @typedef {(turn: Turn, anchor: HTMLElement) => void} OnSpeaker  the name of a turn was pressed */
/** @typedef {{ segment: Segment, offset: number }} Place  in the text of a line, in UTF-16 units */

const LONG = 200 // turns from which on a meeting counts as long

export class TranscriptView {
  #root
  #onSpeaker
  /** @type {Map<string, TurnItem | GapItem>} by key of the block */
  #items = new Map()
  /** @type {Map<string, SegmentItem>} by id of the segment */
  #segments = new Map()
  /** @type {Speakers | null} */
  #speakers = null
  #editable = false
  /** @type {Map<string, HTMLElement>} what stands in the place of a line, by its id */
  #instead = new Map()
  #playable = false

  /**
   * @param {HTMLElement} root
   * @param {OnSpeaker} onSpeaker
   */
  constructor(root, onSpeaker) {
    this.#root = root
    this.#onSpeaker = onSpeaker
  }

  /**
   * @param {readonly Block[]} blocks
   * @param {Speakers} speakers
   * @param {boolean} editable whether names can be pressed
   * @param {boolean} playable whether times can be pressed, each to hear its turn
   */
  render(blocks, speakers, editable, playable) {
    const relabel = speakers !== this.#speakers || editable !== this.#editable || playable !== this.#playable
    this.#speakers = speakers
    this.#editable = editable
    this.#playable = playable
    this.#root.toggleAttribute('data-long', blocks.length > LONG)
    this.#forget(blocks)
    let cursor = this.#root.firstElementChild
    for (const block of blocks) {
      const item = this.#item(block)
      this.#draw(item, block, relabel)
      if (item.node === cursor) cursor = cursor.nextElementSibling
      else this.#root.insertBefore(item.node, cursor)
    }
  }

  /**
   * What is drawn of a line.
   *
   * @param {string} id
   */
  lineNode(id) {
    const item = this.#segments.get(id)
    return item?.node.isConnected ? item.node : null
  }

  /**
   * Part of a line's text, where it is drawn.
   *
   * @param {string} id
   * @param {number} from in UTF-16 units
   * @param {number} to
   */
  range(id, from, to) {
    return this.#segments.get(id)?.range(from, to) ?? null
  }

  /**
   * Where in a line's text something stands; null where that is no text of a line.
   *
   * @param {Node} node
   * @param {number} offset
   * @returns {Place | null}
   */
  placeOf(node, offset) {
    const line = node.parentElement?.closest('[data-segment]')
    const item = this.#segments.get(line?.getAttribute('data-segment') ?? '')
    return item?.segment ? { segment: item.segment, offset: item.offsetOf(node, offset) } : null
  }

  /** @param {readonly Block[]} blocks */
  #forget(blocks) {
    const keys = new Set(blocks.map(({ key }) => key))
    for (const [key, item] of this.#items) {
      if (keys.has(key)) continue
      item.node.remove()
      this.#items.delete(key)
    }
  }

  /** @param {Block} block */
  #item({ key, kind }) {
    const known = this.#items.get(key)
    if (known) return known
    const item = kind === 'gap' ? new GapItem() : new TurnItem(this.#onSpeaker)
    this.#items.set(key, item)
    return item
  }

  /**
   * @param {TurnItem | GapItem} item
   * @param {Block} block
   * @param {boolean} relabel whether names may have changed
   */
  #draw(item, block, relabel) {
    if (item instanceof GapItem) {
      if (block.kind === 'gap' && item.gap !== block) item.draw(block)
      return
    }
    if (block.kind === 'gap') return
    const changed = item.turn !== block
    if (changed) item.draw(block)
    if ((changed || relabel) && this.#speakers) item.label(block, this.#speakers, this.#editable)
    if (changed || relabel) item.offerPlay(block, this.#playable)
    if (changed) item.fill(block.segments.map((segment) => this.#segment(segment)))
  }

  /** @param {Segment} segment */
  #segment(segment) {
    const item = this.#segments.get(segment.id) ?? new SegmentItem(segment.id)
    this.#segments.set(segment.id, item)
    if (item.segment !== segment) item.draw(segment)
    return this.#instead.get(segment.id) ?? item.node
  }

  /**
   * Shows something in the place of a line, until that is to be shown again.
   *
   * @param {string} id
   * @param {HTMLElement | null} node
   */
  replace(id, node) {
    if (node) this.#instead.set(id, node)
    else this.#instead.delete(id)
    for (const item of this.#items.values()) {
      const segments = item instanceof TurnItem ? item.turn?.segments : undefined
      if (!segments?.some((segment) => segment.id === id) || item instanceof GapItem) continue
      item.fill(segments.map((segment) => this.#segment(segment)))
    }
  }
}

/** What is drawn of a turn. */
class TurnItem {
  /** @type {Turn | null} */
  turn = null
  #onSpeaker
  /** @type {HTMLButtonElement | null} the name, while it can be pressed */
  #button = null
  #name = el('h2', { class: 'turn-name' })
  #time = el('time', { class: 'turn-time' })
  #text = el('p', { class: 'turn-text', dir: 'auto' })
  /** @type {HTMLButtonElement | null} around the time, while the turn can be heard */
  #play = null
  #head = el('div', { class: 'turn-head', lang: spoken() }, this.#name, this.#time)
  node = el('article', { class: 'turn' }, this.#head, this.#text)

  /** @param {OnSpeaker} onSpeaker */
  constructor(onSpeaker) {
    this.#onSpeaker = onSpeaker
  }

  /** @param {Turn} turn */
  draw(turn) {
    this.turn = turn
    this.node.setAttribute('data-turn', turn.key)
    setText(this.#time, clock(turn.start))
    this.#time.setAttribute('datetime', `PT${turn.start}S`)
  }

  /**
   * @param {Turn} turn
   * @param {Speakers} speakers
   * @param {boolean} editable
   */
  label({ speaker }, speakers, editable) {
    this.node.setAttribute('data-speaker', speaker ?? '')
    this.node.setAttribute('data-color', String(speakerColor(speaker, speakers)))
    if (editable && !this.#button) {
      this.#button = this.#nameButton()
      this.#name.replaceChildren(this.#button)
    } else if (!editable && this.#button) {
      this.#button.remove()
      this.#button = null
    }
    setText(this.#button ?? this.#name, speakerName(speaker, speakers))
    if (speaker !== null && speakers.get(speaker)?.recognized) (this.#button ?? this.#name).append(recognisedMark())
  }

  /**
   * @param {Turn} turn
   * @param {boolean} playable
   */
  offerPlay({ start }, playable) {
    if (!playable) {
      this.#head.append(this.#time)
      this.#play?.remove()
      this.#play = null
      return
    }
    this.#play ??= el('button', { class: 'turn-play', type: 'button' })
    this.#play.setAttribute('data-second', String(start))
    this.#play.setAttribute('aria-label', t('player.from', { time: clock(start) }))
    if (this.#play.isConnected) return
    this.#play.append(this.#time)
    this.#head.append(this.#play)
  }

  #nameButton() {
    const button = el('button', {
      class: 'speaker-button',
      type: 'button',
      title: t('transcript.say-who'),
      'data-testid': 'edit-speaker',
      onclick: () => this.turn && this.#onSpeaker(this.turn, button),
    })
    return button
  }

  /**
   * Segments with a space between them; those that stand right already are not touched, so that a selection survives.
   *
   * @param {HTMLElement[]} nodes
   */
  fill(nodes) {
    const text = this.#text
    const wrong = nodes.findIndex((node, i) => text.childNodes[i * 2] !== node)
    const kept = wrong === -1 ? nodes.length : wrong
    while (text.childNodes.length > Math.max(0, kept * 2 - 1)) text.lastChild?.remove()
    for (const [i, node] of nodes.entries()) if (i >= kept) text.append(...(i ? [' ', node] : [node]))
  }
}

// A name that nobody has confirmed: a voice that is kept sounds like this one.
const recognisedMark = () =>
  el(
    'span',
    { class: 'recognised', title: t('transcript.recognized'), 'data-testid': 'recognised-mark' },
    el('span', { 'aria-hidden': 'true' }, ' ?'),
    el('span', { class: 'sr-only' }, ` (${t('transcript.recognized')})`),
  )

/** What is drawn of a gap. */
class GapItem {
  /** @type {ShownGap | null} */
  gap = null
  #text = el('p', { class: 'gap-text' })
  node = el('div', { class: 'gap', 'data-gap': '', lang: spoken() }, this.#text)

  /** @param {ShownGap} gap */
  draw(gap) {
    this.gap = gap
    const [from, to, why] = [clock(gap.start), clock(gap.end), ofServer(gap.reason)]
    const text = t(why ? 'transcript.gap.why' : 'transcript.gap', { from, to, why })
    setText(this.#text, gap.who ? t('transcript.gap.of', { name: gap.who, text }) : text)
  }
}

/** What is drawn of a segment. */
class SegmentItem {
  /** @type {Segment | null} */
  segment = null
  #stable = document.createTextNode('')
  #partial = el('span', { class: 'partial' })
  /** @type {HTMLElement | null} a quiet mark where people speak at once */
  #mark = null
  node

  /**
   * @param {number} from in UTF-16 units of the text
   * @param {number} to
   */
  range(from, to) {
    const range = document.createRange()
    const [start, end] = [this.#at(from), this.#at(to)]
    range.setStart(start.node, start.offset)
    range.setEnd(end.node, end.offset)
    return range
  }

  /**
   * Where in the text something stands that is drawn of it.
   *
   * @param {Node} node
   * @param {number} offset
   */
  offsetOf(node, offset) {
    return this.#partial.contains(node) ? this.#stable.length + offset : offset
  }

  /** @param {number} offset */
  #at(offset) {
    const { length } = this.#stable
    const partial = this.#partial.firstChild
    if (offset <= length || !partial) return { node: this.#stable, offset: Math.min(offset, length) }
    return { node: partial, offset: Math.min(offset - length, partial.textContent?.length ?? 0) }
  }

  /** @param {string} id */
  constructor(id) {
    this.node = el('span', { class: 'segment', 'data-segment': id }, this.#stable, this.#partial)
  }

  /** @param {Segment} segment */
  draw(segment) {
    this.segment = segment
    const [stable, partial] = splitPartial(segment)
    if (this.#stable.data !== stable) this.#stable.data = stable
    setText(this.#partial, partial)
    this.node.setAttribute('data-final', String(segment.final))
    if (segment.overlap && !this.#mark) {
      this.#mark = overlapMark()
      this.node.prepend(this.#mark)
    } else if (!segment.overlap) {
      this.#mark?.remove()
      this.#mark = null
    }
  }
}

function overlapMark() {
  const words = el('span', { class: 'sr-only', lang: spoken() }, t('transcript.at-once.aloud'))
  return el('span', { class: 'overlap', title: t('transcript.at-once') }, icon('overlap'), words)
}
