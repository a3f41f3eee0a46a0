// Shows a transcript: patches the turns and segments that changed and leaves the rest of the page alone.

import { clock, speakerColor, speakerName } from '../state/format.js'
import { split } from '../state/transcript.js'
import { el, icon, setText } from './dom.js'

const LONG = 200 // turns from which on a meeting counts as long

export class TranscriptView {
  #root
  #items = new Map() // by block key: {block, node, name, text}
  #segments = new Map() // by segment id: {segment, node, stable, open}
  #speakers = null
  #onName = null

  constructor(root) {
    this.#root = root
  }

  // Names can be pressed from now on: onName(block, button); null for no longer.
  editable(onName) {
    if (Boolean(onName) !== Boolean(this.#onName)) this.#speakers = null // so that every name is drawn anew
    this.#onName = onName
  }

  // shown: blocks of transcript.js; speakers: the state's map.
  render(shown, speakers) {
    const relabel = speakers !== this.#speakers
    this.#speakers = speakers
    this.#root.toggleAttribute('data-long', shown.length > LONG)
    this.#forget(shown)
    let cursor = this.#root.firstElementChild
    for (const block of shown) {
      const item = this.#item(block)
      if (item.block !== block) this.#patch(item, block)
      else if (relabel && block.kind === 'turn') this.#label(item, block)
      if (item.node === cursor) cursor = cursor.nextElementSibling
      else this.#root.insertBefore(item.node, cursor)
    }
  }

  #item(block) {
    let item = this.#items.get(block.key)
    if (!item) {
      item = block.kind === 'gap' ? gapItem() : turnItem()
      this.#items.set(block.key, item)
    }
    return item
  }

  #patch(item, block) {
    item.block = block
    if (block.kind === 'gap') {
      const missing = `${clock(block.start)} – ${clock(block.end)}`
      setText(item.text, `${missing}: sound is missing here${block.reason ? ` (${block.reason})` : ''}`)
      return
    }
    item.node.setAttribute('data-turn', block.key)
    setText(item.time, clock(block.start))
    item.time.setAttribute('datetime', `PT${block.start}S`)
    this.#label(item, block)
    this.#fill(item.text, block.segments.map((segment) => this.#segment(segment)))
  }

  #label(item, { speaker }) {
    const { node, name } = item
    node.setAttribute('data-speaker', speaker ?? '')
    node.setAttribute('data-color', speakerColor(speaker, this.#speakers))
    const text = speakerName(speaker, this.#speakers)
    if (!this.#onName) {
      name.querySelector('button')?.remove()
      setText(name, text)
      return
    }
    if (!name.querySelector('button')) {
      name.replaceChildren(el('button', { class: 'speaker-button', type: 'button', title: 'Say who this is', 'data-testid': 'edit-speaker', onclick: ({ currentTarget }) => this.#onName?.(item.block, currentTarget) }))
    }
    setText(name.firstElementChild, text)
  }

  // Segments with a space between them; those that stand right already are not touched, so that a selection survives.
  #fill(text, nodes) {
    const right = nodes.findIndex((node, i) => text.childNodes[i * 2] !== node)
    const kept = right === -1 ? nodes.length : right
    while (text.childNodes.length > Math.max(0, kept * 2 - 1)) text.lastChild.remove()
    for (const [i, node] of nodes.entries()) if (i >= kept) text.append(...(i ? [' ', node] : [node]))
  }

  #segment(segment) {
    let item = this.#segments.get(segment.id)
    if (!item) {
      const stable = document.createTextNode('')
      const open = el('span', { class: 'partial' })
      item = { segment: null, node: el('span', { class: 'segment', 'data-segment': segment.id }, stable, open), stable, open }
      this.#segments.set(segment.id, item)
    }
    if (item.segment !== segment) {
      item.segment = segment
      const [stable, open] = split(segment)
      if (item.stable.data !== stable) item.stable.data = stable
      setText(item.open, open)
      item.node.setAttribute('data-final', segment.final)
      this.#mark(item.node, segment)
    }
    return item.node
  }

  // A quiet mark where people speak at once.
  #mark(node, { overlap = false }) {
    const mark = node.querySelector('.overlap')
    if (overlap && !mark) node.prepend(el('span', { class: 'overlap', title: 'Speaking at once' }, icon('overlap'), el('span', { class: 'sr-only' }, '(speaking at once) ')))
    if (!overlap) mark?.remove()
  }

  #forget(shown) {
    const keys = new Set(shown.map(({ key }) => key))
    for (const [key, item] of this.#items) {
      if (keys.has(key)) continue
      item.node.remove()
      this.#items.delete(key)
    }
  }
}

function turnItem() {
  const name = el('h2', { class: 'turn-name' })
  const time = el('time', { class: 'turn-time' })
  const text = el('p', { class: 'turn-text', dir: 'auto' })
  return { block: null, name, time, text, node: el('article', { class: 'turn' }, el('div', { class: 'turn-head' }, name, time), text) }
}

function gapItem() {
  const text = el('p', { class: 'gap-text' })
  return { block: null, text, node: el('div', { class: 'gap', 'data-gap': '' }, text) }
}
