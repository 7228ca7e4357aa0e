/// Cells of four bytes from hashes to the numbers of slots: open addressing, linear probing. A cell has eight bits of
/// the hash beside the number, so that few slots are looked at in vain; 0 is an empty cell.
@safe
struct CellArray {
  private var memory = GrowableMemory()
  private(set) var count = 0

  /// Slots that can be numbered.
  static let mostSlots = 1 << 24 - 2

  init() {}

  init(count: Int) {
    self.count = count
    memory.grow(to: count * 4)
  }

  var byteCount: Int { memory.touched }

  mutating func free() {
    memory.free()
    count = 0
  }

  static func entry(_ number: Int, _ hash: UInt64) -> UInt32 {
    UInt32(number + 1) << 8 | UInt32(truncatingIfNeeded: hash & 0xff)
  }

  static func number(_ entry: UInt32) -> Int { Int(entry >> 8) - 1 }

  subscript(_ cell: Int) -> UInt32 {
    get { unsafe memory.at(cell * 4).load(as: UInt32.self) }
    nonmutating set { unsafe memory.at(cell * 4).storeBytes(of: newValue, as: UInt32.self) }
  }

  func home(_ hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(count)).high) }

  func next(_ cell: Int) -> Int { cell + 1 == count ? 0 : cell + 1 }

  /// The first cell from a hash's home on that is empty or has a number of `stale` or above.
  func vacancy(_ hash: UInt64, stale: Int = .max) -> Int {
    var cell = home(hash)
    while self[cell] != 0, Self.number(self[cell]) < stale { cell = next(cell) }
    return cell
  }

  /// The cell of a slot that is there.
  func cell(of number: Int, _ hash: UInt64) -> Int {
    let entry = Self.entry(number, hash)
    var cell = home(hash)
    while self[cell] != entry {
      precondition(self[cell] != 0, "a torrent is missing from its index")
      cell = next(cell)
    }
    return cell
  }
}

/// From info-hashes to slots. It grows and shrinks a few slots at a time: there are two arrays then, and which of them
/// knows a slot follows from its number, as the slots have no gaps. Slots below `pending` are still in the old one.
struct SlotIndex {
  static let smallest = 1024
  var cells = CellArray()
  var old = CellArray()
  var pending = 0

  var byteCount: Int { cells.byteCount + old.byteCount }

  mutating func free() {
    cells.free()
    old.free()
  }
}

extension SwarmShard {
  /// The slot of a torrent.
  func find(_ words: HashWords, _ hash: UInt64) -> Int? {
    if let number = probe(index.cells, words, hash, below: torrents) { return number }
    return index.pending > 0 ? probe(index.old, words, hash, below: index.pending) : nil
  }

  private func probe(_ cells: CellArray, _ words: HashWords, _ hash: UInt64, below end: Int) -> Int? {
    guard cells.count > 0 else { return nil }
    let tag = UInt32(truncatingIfNeeded: hash & 0xff)
    var cell = cells.home(hash)
    while true {
      let entry = cells[cell]
      guard entry != 0 else { return nil }
      let number = CellArray.number(entry)
      if entry & 0xff == tag, number < end, slot(number).words == words { return number }
      cell = cells.next(cell)
    }
  }

  /// Enters the slot behind all others, with a share of the work of growing.
  mutating func enterIndex(_ number: Int, _ hash: UInt64) {
    if index.cells.count == 0 { index.cells = CellArray(count: SlotIndex.smallest) }
    if index.pending == 0, (number + 1) * 5 > index.cells.count * 4 {
      resizeIndex(index.cells.count + max(SlotIndex.smallest, index.cells.count / 4))
    }
    migrateIndex(8)
    index.cells[index.cells.vacancy(hash)] = CellArray.entry(number, hash)
  }

  /// Takes a slot out of the index; the last slot gets its number, and must still have its own.
  mutating func leaveIndex(_ number: Int, _ hash: UInt64) {
    if number < index.pending {
      index.old[index.old.cell(of: number, hash)] = .max
    } else {
      clearCell(index.cells.cell(of: number, hash))
    }
    let last = torrents - 1
    guard number != last else { return }
    let lastHash = slot(last).words.hash(key)
    let entry = CellArray.entry(number, lastHash)
    if last < index.pending {
      index.old[index.old.cell(of: last, lastHash)] = entry
    } else if number >= index.pending {
      index.cells[index.cells.cell(of: last, lastHash)] = entry
    } else {
      clearCell(index.cells.cell(of: last, lastHash))
      index.old[index.old.vacancy(lastHash, stale: index.pending)] = entry
    }
  }

  /// Begins to move to an array of `count` cells.
  private mutating func resizeIndex(_ count: Int) {
    index.old.free()
    index.old = index.cells
    index.cells = CellArray(count: count)
    index.pending = torrents
  }

  mutating func migrateIndex(_ steps: Int) {
    guard index.pending > 0 else { return }
    for _ in 0..<min(steps, index.pending) {
      let number = index.pending - 1
      let hash = slot(number).words.hash(key)
      index.cells[index.cells.vacancy(hash)] = CellArray.entry(number, hash)
      index.pending = number
    }
    if index.pending == 0 { index.old.free() }
  }

  /// Gives memory back that a shard with fewer torrents than before does not need.
  mutating func shrinkIndex() {
    guard index.pending == 0, index.cells.count > SlotIndex.smallest, torrents * 4 < index.cells.count else {
      return
    }
    resizeIndex(max(SlotIndex.smallest, torrents * 2))
    if index.pending == 0 { index.old.free() }
  }

  /// Empties a cell of the new array; those behind it may move back.
  private func clearCell(_ cell: Int) {
    let cells = index.cells
    var hole = cell
    var next = cell
    while true {
      next = cells.next(next)
      let entry = cells[next]
      guard entry != 0 else { break }
      let home = cells.home(slot(CellArray.number(entry)).words.hash(key))
      let (fromHome, fromHole) = (next - home, next - hole)
      if (fromHome < 0 ? fromHome + cells.count : fromHome)
        >= (fromHole < 0 ? fromHole + cells.count : fromHole)
      {
        cells[hole] = entry
        hole = next
      }
    }
    cells[hole] = 0
  }
}
