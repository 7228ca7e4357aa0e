internal import Glibc

/// The peers of one family in one swarm, their addresses in wire form and without gaps, so that a reply
/// is a copy of a window: seeds first, then leeches.
///
/// One allocation: 32 bytes of header, the addresses, four bytes a peer of notes and, in blocks of more
/// than 64, an index of four bytes a cell from addresses to positions. A value that refers to that
/// memory; the slot that holds it frees it.
@safe
struct PeerBlock {
  let base: UnsafeMutableRawPointer
  private static let headerSize = 32
  private static let smallest = 4
  /// Blocks with more room than this have an index.
  private static let largestWithoutIndex = 64

  init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

  /// An empty block.
  init(capacity: Int, isV6: Bool) {
    let size = Self.byteCount(capacity: capacity, isV6: isV6)
    guard let memory = unsafe calloc(1, size) else { fatalError("out of memory") }
    unsafe base = memory
    setWord(3, UInt32(capacity))
    setWord(4, isV6 ? 1 : 0)
  }

  func free() { unsafe Glibc.free(base) }

  // MARK: Layout

  private func word(_ index: Int) -> UInt32 { unsafe base.load(fromByteOffset: index * 4, as: UInt32.self) }

  private func setWord(_ index: Int, _ value: UInt32) {
    unsafe base.storeBytes(of: value, toByteOffset: index * 4, as: UInt32.self)
  }

  private(set) var count: Int {
    get { Int(word(0)) }
    nonmutating set { setWord(0, UInt32(newValue)) }
  }

  private(set) var seeds: Int {
    get { Int(word(1)) }
    nonmutating set { setWord(1, UInt32(newValue)) }
  }

  /// Leeches that are partial seeds.
  private(set) var paused: Int {
    get { Int(word(2)) }
    nonmutating set { setWord(2, UInt32(newValue)) }
  }

  var capacity: Int { Int(word(3)) }
  var isV6: Bool { word(4) != 0 }
  private var stride: Int { PeerAddress.size(isV6: isV6) }

  private static func notesOffset(capacity: Int, isV6: Bool) -> Int {
    (headerSize + capacity * PeerAddress.size(isV6: isV6) + 3) & ~3
  }

  private static func cells(capacity: Int) -> Int {
    capacity > largestWithoutIndex ? capacity + capacity / 2 : 0
  }

  static func byteCount(capacity: Int, isV6: Bool) -> Int {
    notesOffset(capacity: capacity, isV6: isV6) + (capacity + cells(capacity: capacity)) * 4
  }

  /// Where the address at `position` lies; `count` addresses follow each other.
  private func place(_ position: Int) -> UnsafeMutableRawPointer {
    unsafe base + (Self.headerSize + position * stride)
  }

  private var notes: UnsafeMutablePointer<UInt32> {
    unsafe (base + Self.notesOffset(capacity: capacity, isV6: isV6)).assumingMemoryBound(to: UInt32.self)
  }

  private var index: UnsafeMutablePointer<UInt32> { unsafe notes + capacity }

  // MARK: Reading

  /// The addresses in `range` in wire form.
  func withAddresses(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    unsafe body(UnsafeRawBufferPointer(start: place(range.lowerBound), count: range.count * stride))
  }

  func address(_ position: Int) -> PeerAddress {
    precondition(position >= 0 && position < capacity)
    return unsafe PeerAddress(place(position), isV6: isV6)
  }

  func note(_ position: Int) -> PeerNote {
    precondition(position >= 0 && position < capacity)
    return unsafe PeerNote(word: notes[position])
  }

  /// Where `address` stands. O(1) with an index, O(64) without.
  func position(_ address: PeerAddress, _ key: TableKey) -> Int? {
    let cells = Self.cells(capacity: capacity)
    guard cells > 0 else { return (0..<count).first { self.address($0) == address } }
    var cell = home(address, key, cells)
    while true {
      let entry = unsafe index[cell]
      guard entry != 0 else { return nil }
      if self.address(Int(entry) - 1) == address { return Int(entry) - 1 }
      cell = cell + 1 == cells ? 0 : cell + 1
    }
  }

  // MARK: Changing

  /// Puts in a peer that is not there; there must be room.
  @discardableResult
  func insert(_ address: PeerAddress, _ note: PeerNote, _ key: TableKey) -> Int {
    precondition(count < capacity)
    var position = count
    count += 1
    if note.isSeed {
      if seeds < position {
        move(seeds, to: position, key)
        position = seeds
      }
      seeds += 1
    } else if note.isPaused {
      paused += 1
    }
    write(address, note, at: position)
    enterIndex(address, position, key)
    return position
  }

  /// Takes out the peer at `position`; those behind it may move forward.
  func remove(_ position: Int, _ key: TableKey) {
    let note = note(position)
    leaveIndex(position, key)
    var hole = position
    if note.isSeed {
      seeds -= 1
      if hole != seeds { move(seeds, to: hole, key) }
      hole = seeds
    } else if note.isPaused {
      paused -= 1
    }
    count -= 1
    if hole != count { move(count, to: hole, key) }
  }

  /// Replaces the note of the peer at `position`; returns where the peer stands now.
  func update(_ position: Int, _ note: PeerNote, _ key: TableKey) -> Int {
    let old = self.note(position)
    guard old.isSeed == note.isSeed else {
      let address = address(position)
      remove(position, key)
      return insert(address, note, key)
    }
    if !note.isSeed { paused += (note.isPaused ? 1 : 0) - (old.isPaused ? 1 : 0) }
    unsafe notes[position] = note.word
    return position
  }

  /// A block with room for one more peer: this one, or a larger copy, after which this one is gone.
  func withRoom(_ key: TableKey) -> PeerBlock {
    guard count == capacity else { return self }
    return copy(capacity: capacity + max(Self.smallest, capacity / (capacity < 1024 ? 2 : 4)), key)
  }

  /// A block without much unused room: this one, or a smaller copy, after which this one is gone.
  func trimmed(_ key: TableKey) -> PeerBlock {
    guard capacity > Self.smallest, count < capacity / 2 else { return self }
    return copy(capacity: max(Self.smallest, count + count / 4), key)
  }

  private func copy(capacity: Int, _ key: TableKey) -> PeerBlock {
    let other = PeerBlock(capacity: capacity, isV6: isV6)
    unsafe other.place(0).copyMemory(from: place(0), byteCount: count * stride)
    unsafe other.notes.update(from: notes, count: count)
    other.count = count
    other.seeds = seeds
    other.paused = paused
    for position in 0..<count { other.enterIndex(address(position), position, key) }
    free()
    return other
  }

  private func write(_ address: PeerAddress, _ note: PeerNote, at position: Int) {
    precondition(position >= 0 && position < capacity)
    unsafe address.store(to: place(position))
    unsafe notes[position] = note.word
  }

  /// Moves a peer to a position that nobody holds.
  private func move(_ from: Int, to: Int, _ key: TableKey) {
    let address = address(from)
    if let cell = cell(address, from, key) { unsafe index[cell] = UInt32(to + 1) }
    write(address, note(from), at: to)
  }

  // MARK: The index: open addressing, linear probing, no tombstones; 0 is an empty cell

  private func home(_ address: PeerAddress, _ key: TableKey, _ cells: Int) -> Int {
    Int(key.hash(address).multipliedFullWidth(by: UInt64(cells)).high)
  }

  /// The cell that says that `address` stands at `position`; `nil` without an index.
  private func cell(_ address: PeerAddress, _ position: Int, _ key: TableKey) -> Int? {
    let cells = Self.cells(capacity: capacity)
    guard cells > 0 else { return nil }
    var cell = home(address, key, cells)
    while unsafe index[cell] != UInt32(position + 1) {
      precondition(unsafe index[cell] != 0, "a peer is missing from its index")
      cell = cell + 1 == cells ? 0 : cell + 1
    }
    return cell
  }

  private func enterIndex(_ address: PeerAddress, _ position: Int, _ key: TableKey) {
    let cells = Self.cells(capacity: capacity)
    guard cells > 0 else { return }
    var cell = home(address, key, cells)
    while unsafe index[cell] != 0 { cell = cell + 1 == cells ? 0 : cell + 1 }
    unsafe index[cell] = UInt32(position + 1)
  }

  private func leaveIndex(_ position: Int, _ key: TableKey) {
    guard var hole = cell(address(position), position, key) else { return }
    let cells = Self.cells(capacity: capacity)
    var next = hole
    while true {
      next = next + 1 == cells ? 0 : next + 1
      let entry = unsafe index[next]
      guard entry != 0 else { break }
      let home = home(address(Int(entry) - 1), key, cells)
      // An entry may move back into the hole unless that lies before its home.
      if (next - home + cells) % cells >= (next - hole + cells) % cells {
        unsafe index[hole] = entry
        hole = next
      }
    }
    unsafe index[hole] = 0
  }
}
