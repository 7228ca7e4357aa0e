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

  init(_ slot: UnsafeRawPointer) {
    unsafe first = slot.load(as: UInt64.self)
    unsafe second = slot.load(fromByteOffset: 8, as: UInt64.self)
    unsafe third = slot.load(fromByteOffset: 16, as: UInt32.self)
  }

  func hash(_ key: TableKey) -> UInt64 { key.hash(first, second, UInt64(third)) }
}

/// Up to two peers that live in the slot itself.
struct InlinePeers {
  struct Peer {
    var address: PeerAddress
    var note: PeerNote
    var size: Int { address.size + 4 }
  }

  var first: Peer?
  var second: Peer?

  /// Bytes of a slot that hold peers: two of IPv4, or one of each family, but not two of IPv6.
  static let space = 32

  var count: Int { (first == nil ? 0 : 1) + (second == nil ? 0 : 1) }

  /// Adds a peer; false if it does not fit.
  mutating func add(_ peer: Peer) -> Bool {
    guard let other = first ?? second else {
      first = peer
      return true
    }
    guard first == nil || second == nil, other.size + peer.size <= Self.space else { return false }
    (first, second) = (other, peer)
    return true
  }

  /// Takes out those for which `isGone` holds.
  mutating func remove(where isGone: (Peer) -> Bool) {
    if let peer = second, isGone(peer) { second = nil }
    if let peer = first, isGone(peer) { (first, second) = (second, nil) }
  }

}

extension InlinePeers: Sequence {
  /// Hands out the first, then the second.
  struct Iterator: IteratorProtocol {
    var rest: InlinePeers

    mutating func next() -> Peer? {
      defer { (rest.first, rest.second) = (rest.first == nil ? nil : rest.second, nil) }
      return rest.first ?? rest.second
    }
  }

  func makeIterator() -> Iterator { Iterator(rest: self) }
}

/// One torrent in the table: 64 bytes, of which all zero means free.
///
/// The info-hash (20), completed downloads (4), the last announce (4), the state (1), what is inline
/// (1), two spare bytes; then 32 bytes of peers, or the addresses of the blocks of both families.
@safe
struct SwarmSlot {
  static let size = 64
  private static let peersOffset = 32

  enum State: UInt8 {
    case free
    case inline
    case blocks
  }

  let base: UnsafeMutableRawPointer

  init(_ base: UnsafeMutableRawPointer) { unsafe self.base = base }

  var words: HashWords { unsafe HashWords(base) }

  var state: State {
    get { unsafe State(rawValue: base.load(fromByteOffset: 28, as: UInt8.self)) ?? .free }
    nonmutating set { unsafe base.storeBytes(of: newValue.rawValue, toByteOffset: 28, as: UInt8.self) }
  }

  var downloaded: UInt32 {
    get { unsafe base.load(fromByteOffset: 20, as: UInt32.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 20, as: UInt32.self) }
  }

  var lastSeen: UInt32 {
    get { unsafe base.load(fromByteOffset: 24, as: UInt32.self) }
    nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 24, as: UInt32.self) }
  }

  /// Takes the slot for a torrent without peers.
  func occupy(_ words: HashWords) {
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size)
    unsafe base.storeBytes(of: words.first, as: UInt64.self)
    unsafe base.storeBytes(of: words.second, toByteOffset: 8, as: UInt64.self)
    unsafe base.storeBytes(of: words.third, toByteOffset: 16, as: UInt32.self)
    state = .inline
  }

  func clear() { unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size) }

  func copy(to other: SwarmSlot) { unsafe other.base.copyMemory(from: base, byteCount: Self.size) }

  /// The peers of a slot in state `inline`. What is inline: a count in the low two bits, then a bit a
  /// peer that says whether it is of IPv6.
  var inline: InlinePeers {
    get {
      let form = unsafe base.load(fromByteOffset: 29, as: UInt8.self)
      var peers = InlinePeers()
      guard form & 3 > 0 else { return peers }
      let first = read(Self.peersOffset, isV6: form & 4 != 0)
      peers.first = first
      if form & 3 > 1 { peers.second = read(Self.peersOffset + first.size, isV6: form & 8 != 0) }
      return peers
    }
    nonmutating set {
      var form = UInt8(newValue.count)
      var offset = Self.peersOffset
      var bit: UInt8 = 4
      for peer in newValue {
        unsafe peer.address.store(to: base + offset)
        unsafe base.storeBytes(of: peer.note.word, toByteOffset: offset + peer.address.size, as: UInt32.self)
        if peer.address.isV6 { form |= bit }
        offset += peer.size
        bit <<= 1
      }
      unsafe base.storeBytes(of: form, toByteOffset: 29, as: UInt8.self)
    }
  }

  private func read(_ offset: Int, isV6: Bool) -> InlinePeers.Peer {
    let address = unsafe PeerAddress(base + offset, isV6: isV6)
    let word = unsafe base.loadUnaligned(fromByteOffset: offset + address.size, as: UInt32.self)
    return InlinePeers.Peer(address: address, note: PeerNote(word: word))
  }

  /// The block of a family, in a slot in state `blocks`.
  func block(isV6: Bool) -> PeerBlock? {
    let offset = Self.peersOffset + (isV6 ? 8 : 0)
    return unsafe base.load(fromByteOffset: offset, as: UnsafeMutableRawPointer?.self).map {
      unsafe PeerBlock($0)
    }
  }

  func setBlock(_ block: PeerBlock?, isV6: Bool) {
    let offset = Self.peersOffset + (isV6 ? 8 : 0)
    unsafe base.storeBytes(of: block?.base, toByteOffset: offset, as: UnsafeMutableRawPointer?.self)
  }

  /// Moves inline peers into blocks, so that there is room for more.
  func spill(_ key: TableKey) {
    let peers = inline
    unsafe (base + Self.peersOffset).initializeMemory(as: UInt8.self, repeating: 0, count: InlinePeers.space)
    state = .blocks
    for peer in peers { insert(peer.address, peer.note, key) }
  }

  /// Puts in a peer that is not there, in a slot in state `blocks`; returns its position.
  @discardableResult
  func insert(_ address: PeerAddress, _ note: PeerNote, _ key: TableKey) -> Int {
    let block =
      block(isV6: address.isV6)?.withRoom(key) ?? PeerBlock(capacity: 4, isV6: address.isV6)
    setBlock(block, isV6: address.isV6)
    return block.insert(address, note, key)
  }

  /// Frees the blocks.
  func freeBlocks() {
    guard state == .blocks else { return }
    for isV6 in [false, true] { block(isV6: isV6)?.free() }
  }
}
