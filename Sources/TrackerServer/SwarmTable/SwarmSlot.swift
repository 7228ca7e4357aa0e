import Digest

/// An info-hash as three words, in whatever order it has in memory: all that a lookup needs.
struct HashWords: Equatable {
  let first: UInt64
  let second: UInt64
  let third: UInt32

  init(_ hash: InfoHash) {
    precondition(MemoryLayout<InfoHash>.size == 20)
    (first, second, third) = unsafe withUnsafeBytes(of: hash) { bytes in
      unsafe (
        bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
      )
    }
  }

  /// Reads the 20 bytes of wire form at `offset`, which are there.
  init(wire bytes: UnsafeRawBufferPointer, at offset: Int) {
    precondition(offset >= 0 && bytes.count - offset >= 20)
    unsafe first = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    unsafe second = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
    unsafe third = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt32.self))
  }

  init(_ slot: UnsafeRawPointer) {
    unsafe first = slot.load(as: UInt64.self)
    unsafe second = slot.load(fromByteOffset: 8, as: UInt64.self)
    unsafe third = slot.load(fromByteOffset: 16, as: UInt32.self)
  }

  func hash(_ key: TableKey) -> UInt64 { key.hash(first, second, UInt64(third)) }
}

/// A peer and what is kept of it.
struct SwarmPeer {
  var address: PeerAddress
  var note: PeerNote
}

/// One torrent in the table: 56 bytes.
///
/// The info-hash (20), completed downloads (4), the last announce (2), what follows (1), a spare byte; then 28 bytes
/// for up to three peers of IPv4, or one of each family, or the names of the blocks of both families.
@safe
struct SwarmSlot {
  static let size = 56
  private static let formOffset = 26
  private static let peersOffset = 28
  /// An address and a note.
  private static let sizeV4 = PeerAddress.sizeV4 + 2
  private static let offsetV6 = size - PeerAddress.sizeV6 - 2
  private static let mostV4 = 3

  let base: UnsafeMutableRawPointer

  init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

  var words: HashWords { unsafe HashWords(base) }
  var infoHash: InfoHash { unsafe base.load(as: InfoHash.self) }

  var downloaded: UInt32 {
    get { unsafe base.load(fromByteOffset: 20, as: UInt32.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 20, as: UInt32.self) }
  }

  // MARK: The last announce, in units of four seconds that go round in three days

  private var touched: UInt16 { unsafe base.load(fromByteOffset: 24, as: UInt16.self) }

  func touch(_ now: UInt32) {
    unsafe base.storeBytes(of: UInt16(truncatingIfNeeded: now >> 2), toByteOffset: 24, as: UInt16.self)
  }

  /// Seconds since the last announce, to four.
  func idle(_ now: UInt32) -> UInt32 { UInt32(UInt16(truncatingIfNeeded: now >> 2) &- touched) << 2 }

  // MARK: What it holds: the peers of IPv4 in two bits, one of IPv6 in the third; or blocks

  private var form: UInt8 {
    get { unsafe base.load(fromByteOffset: Self.formOffset, as: UInt8.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: Self.formOffset, as: UInt8.self) }
  }

  var hasBlocks: Bool { form & 0x80 != 0 }
  private var inlineV4: Int { Int(form & 3) }
  private var inlineV6: Int { Int(form >> 2 & 1) }
  /// Peers in the slot itself.
  var inlineCount: Int { inlineV4 + inlineV6 }

  /// Takes the slot for a torrent without peers.
  func occupy(_ words: HashWords) {
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size)
    unsafe base.storeBytes(of: words.first, as: UInt64.self)
    unsafe base.storeBytes(of: words.second, toByteOffset: 8, as: UInt64.self)
    unsafe base.storeBytes(of: words.third, toByteOffset: 16, as: UInt32.self)
  }

  func copy(to other: SwarmSlot) { unsafe other.base.copyMemory(from: base, byteCount: Self.size) }

  // MARK: Peers in the slot: those of IPv4 from the front, one of IPv6 at the end

  private func place(_ index: Int) -> (offset: Int, isV6: Bool) {
    precondition(index >= 0 && index < inlineCount)
    guard index < inlineV4 else { return (Self.offsetV6, true) }
    return (Self.peersOffset + index * Self.sizeV4, false)
  }

  func inline(_ index: Int) -> SwarmPeer {
    let (offset, isV6) = place(index)
    let address = unsafe PeerAddress(base + offset, isV6: isV6)
    let word = unsafe base.loadUnaligned(fromByteOffset: offset + address.size, as: UInt16.self)
    return SwarmPeer(address: address, note: PeerNote(word: word))
  }

  func setInline(_ index: Int, _ note: PeerNote) {
    let (offset, isV6) = place(index)
    unsafe base.storeBytes(
      of: note.word, toByteOffset: offset + PeerAddress.size(isV6: isV6), as: UInt16.self)
  }

  /// Adds a peer that is not there; false if it does not fit.
  func addInline(_ peer: SwarmPeer) -> Bool {
    if peer.address.isV6 {
      guard inlineV6 == 0, inlineV4 <= 1 else { return false }
      form |= 4
    } else {
      guard inlineV4 < (inlineV6 == 0 ? Self.mostV4 : 1) else { return false }
      form += 1
    }
    let index = peer.address.isV6 ? inlineCount - 1 : inlineV4 - 1
    unsafe peer.address.store(to: base + place(index).offset)
    setInline(index, peer.note)
    return true
  }

  func removeInline(_ index: Int) {
    let (offset, isV6) = place(index)
    guard !isV6 else {
      form &= ~4
      return
    }
    let last = place(inlineV4 - 1).offset
    unsafe (base + offset).copyMemory(from: base + last, byteCount: Self.sizeV4)
    form -= 1
  }

  /// The wire form of the address of a peer in the slot.
  func withAddress(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    let (offset, isV6) = place(index)
    unsafe body(UnsafeRawBufferPointer(start: base + offset, count: PeerAddress.size(isV6: isV6)))
  }

  // MARK: Blocks

  /// Has the slot hold blocks, none yet; the peers in it are gone.
  func beginBlocks() {
    unsafe (base + Self.peersOffset).initializeMemory(
      as: UInt8.self, repeating: 0, count: Self.size - Self.peersOffset)
    form = 0x80
  }

  /// Has the slot hold peers, none yet; what blocks it had, somebody else frees.
  func endBlocks() { form = 0 }

  /// The block of a family, in a slot with blocks.
  func block(isV6: Bool) -> BlockStore.Name? {
    let kind = unsafe base.load(fromByteOffset: Self.peersOffset + 8 + (isV6 ? 1 : 0), as: UInt8.self)
    guard kind > 0 else { return nil }
    let number = unsafe base.load(fromByteOffset: Self.peersOffset + (isV6 ? 4 : 0), as: UInt32.self)
    return BlockStore.Name(number: number, kind: kind - 1)
  }

  func setBlock(_ name: BlockStore.Name?, isV6: Bool) {
    let kind = name.map { $0.kind + 1 } ?? 0
    unsafe base.storeBytes(of: kind, toByteOffset: Self.peersOffset + 8 + (isV6 ? 1 : 0), as: UInt8.self)
    unsafe base.storeBytes(
      of: name?.number ?? 0, toByteOffset: Self.peersOffset + (isV6 ? 4 : 0), as: UInt32.self)
  }
}
