/// The peers of one family in one swarm, their addresses in wire form and without gaps, so that a reply
/// is a copy of a window: seeds first, then leeches.
///
/// A value that refers to memory of the `BlockStore`, good until that changes.
@safe
struct PeerBlock {
  let base: UnsafeMutableRawPointer
  private let pointer: UnsafePointer<BlockGeometry>
  let isV6: Bool

  init(_ base: UnsafeMutableRawPointer, _ geometry: UnsafePointer<BlockGeometry>, isV6: Bool) {
    unsafe self.base = base
    unsafe pointer = geometry
    self.isV6 = isV6
  }

  /// How it is divided.
  private var geometry: BlockGeometry {
    @inline(__always) get { unsafe pointer.pointee }
  }

  /// Makes it empty, whatever was there.
  func begin(owner: UInt32) {
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: BlockGeometry.headerSize)
    let index = unsafe base + geometry.indexOffset
    if geometry.cells > 0 {
      unsafe index.initializeMemory(
        as: UInt8.self, repeating: 0, count: geometry.addressesOffset - geometry.indexOffset)
    }
    self.owner = owner
  }

  // MARK: Layout

  private func word(_ index: Int) -> UInt32 { unsafe base.load(fromByteOffset: index * 4, as: UInt32.self) }

  private func setWord(_ index: Int, _ value: UInt32) {
    unsafe base.storeBytes(of: value, toByteOffset: index * 4, as: UInt32.self)
  }

  /// The slot that has the block, times two, plus one for IPv6. The store knows that it comes first.
  var owner: UInt32 {
    get { word(0) }
    nonmutating set { setWord(0, newValue) }
  }

  private(set) var count: Int {
    get { Int(word(1)) }
    nonmutating set { setWord(1, UInt32(newValue)) }
  }

  private(set) var seeds: Int {
    get { Int(word(2)) }
    nonmutating set { setWord(2, UInt32(newValue)) }
  }

  /// Leeches that are partial seeds.
  private(set) var paused: Int {
    get { Int(word(3)) }
    nonmutating set { setWord(3, UInt32(newValue)) }
  }

  var capacity: Int { geometry.capacity }
  private var stride: Int { PeerAddress.size(isV6: isV6) }

  /// Where the address at `position` lies; `count` addresses follow each other.
  private func place(_ position: Int) -> UnsafeMutableRawPointer {
    unsafe base + (geometry.addressesOffset + position * stride)
  }

  private func setNote(_ position: Int, _ note: PeerNote) {
    precondition(position >= 0 && position < capacity)
    unsafe base.storeBytes(
      of: note.word, toByteOffset: BlockGeometry.headerSize + position * 2, as: UInt16.self)
  }

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
    return PeerNote(
      word: unsafe base.load(fromByteOffset: BlockGeometry.headerSize + position * 2, as: UInt16.self))
  }

  /// Where `address` stands. O(1) with an index, O(128) without.
  func position(_ address: PeerAddress, _ key: TableKey) -> Int? {
    guard address.isV6 == isV6 else { return nil }
    guard geometry.cells > 0 else { return scan(address) }
    var cell = home(address, key)
    while true {
      let entry = entry(cell)
      guard entry != 0 else { return nil }
      if self.address(entry - 1) == address { return entry - 1 }
      cell = cell + 1 == geometry.cells ? 0 : cell + 1
    }
  }

  private func scan(_ address: PeerAddress) -> Int? {
    let count = count
    if isV6 {
      for position in 0..<count where self.address(position) == address { return position }
      return nil
    }
    let (wanted, port) = (UInt32(truncatingIfNeeded: address.low), address.port)
    for position in 0..<count {
      let place = unsafe place(position)
      if unsafe place.loadUnaligned(as: UInt32.self) == wanted,
        unsafe place.loadUnaligned(fromByteOffset: 4, as: UInt16.self) == port
      {
        return position
      }
    }
    return nil
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
  @discardableResult
  func update(_ position: Int, _ note: PeerNote, _ key: TableKey) -> Int {
    let old = self.note(position)
    guard old.isSeed == note.isSeed else {
      let address = address(position)
      remove(position, key)
      return insert(address, note, key)
    }
    if !note.isSeed { paused += (note.isPaused ? 1 : 0) - (old.isPaused ? 1 : 0) }
    setNote(position, note)
    return position
  }

  /// Takes over all peers of `other`, which has not more than there is room for; this one is empty.
  func fill(from other: PeerBlock, _ key: TableKey) {
    let count = other.count
    precondition(count <= capacity && isV6 == other.isV6)
    unsafe place(0).copyMemory(from: other.place(0), byteCount: count * stride)
    unsafe (base + BlockGeometry.headerSize).copyMemory(
      from: other.base + BlockGeometry.headerSize, byteCount: count * 2)
    self.count = count
    seeds = other.seeds
    paused = other.paused
    guard geometry.cells > 0 else { return }
    for position in 0..<count { enterIndex(address(position), position, key) }
  }

  private func write(_ address: PeerAddress, _ note: PeerNote, at position: Int) {
    precondition(position >= 0 && position < capacity)
    unsafe address.store(to: place(position))
    setNote(position, note)
  }

  /// Moves a peer to a position that nobody holds.
  private func move(_ from: Int, to: Int, _ key: TableKey) {
    let address = address(from)
    if let cell = cell(address, from, key) { setEntry(cell, to + 1) }
    write(address, note(from), at: to)
  }

  // MARK: The index: open addressing, linear probing, no tombstones; 0 is an empty cell

  private func entry(_ cell: Int) -> Int {
    precondition(cell >= 0 && cell < geometry.cells)
    let index = unsafe base + geometry.indexOffset
    return geometry.isWide
      ? Int(unsafe index.load(fromByteOffset: cell * 4, as: UInt32.self))
      : Int(unsafe index.load(fromByteOffset: cell * 2, as: UInt16.self))
  }

  private func setEntry(_ cell: Int, _ value: Int) {
    precondition(cell >= 0 && cell < geometry.cells)
    let index = unsafe base + geometry.indexOffset
    if geometry.isWide {
      unsafe index.storeBytes(of: UInt32(value), toByteOffset: cell * 4, as: UInt32.self)
    } else {
      unsafe index.storeBytes(of: UInt16(value), toByteOffset: cell * 2, as: UInt16.self)
    }
  }

  private func home(_ address: PeerAddress, _ key: TableKey) -> Int {
    Int(key.hash(address).multipliedFullWidth(by: UInt64(geometry.cells)).high)
  }

  /// The cell that says that `address` stands at `position`; `nil` without an index.
  private func cell(_ address: PeerAddress, _ position: Int, _ key: TableKey) -> Int? {
    guard geometry.cells > 0 else { return nil }
    var cell = home(address, key)
    while true {
      let entry = entry(cell)
      if entry == position + 1 { return cell }
      precondition(entry != 0, "a peer is missing from its index")
      cell = cell + 1 == geometry.cells ? 0 : cell + 1
    }
  }

  private func enterIndex(_ address: PeerAddress, _ position: Int, _ key: TableKey) {
    guard geometry.cells > 0 else { return }
    var cell = home(address, key)
    while entry(cell) != 0 { cell = cell + 1 == geometry.cells ? 0 : cell + 1 }
    setEntry(cell, position + 1)
  }

  private func leaveIndex(_ position: Int, _ key: TableKey) {
    guard var hole = cell(address(position), position, key) else { return }
    let cells = geometry.cells
    var next = hole
    while true {
      next = next + 1 == cells ? 0 : next + 1
      let entry = entry(next)
      guard entry != 0 else { break }
      let home = home(address(entry - 1), key)
      // An entry may move back into the hole unless that lies before its home.
      if (next - home + cells) % cells >= (next - hole + cells) % cells {
        setEntry(hole, entry)
        hole = next
      }
    }
    setEntry(hole, 0)
  }
}
