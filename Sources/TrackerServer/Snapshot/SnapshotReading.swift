import Bytes

/// How the ages in a section are to be understood.
struct SnapshotReading: Sendable {
  /// Seconds of a unit, as a power of two.
  var shift: UInt32
  /// Seconds since the section was written.
  var passed: UInt32
  /// The time by the table's clock.
  var now: UInt32
  var isReplacing: Bool
}

extension SwarmTable {
  /// Takes in the torrents of a section; how many they and their peers are, `nil` if it is malformed.
  func restore(_ payload: [UInt8], _ reading: SnapshotReading) -> (torrents: UInt32, peers: UInt32)? {
    var torrents: UInt32 = 0
    var peers: UInt32 = 0
    return unsafe payload.withUnsafeBytes { buffer in
      var cursor = unsafe SnapshotCursor(buffer)
      while !cursor.isAtEnd {
        guard let record = cursor.record() else { return nil }
        torrents += 1
        peers += UInt32(record.countV4 + record.countV6)
        let room = room
        let most = limits.peers - peersAtMoment
        withShard(record.words.hash(key)) { shard in
          shard.restore(record, cursor, reading, room: room, most: most)
        }
      }
      return (torrents, peers)
    }
  }
}

/// A torrent of a snapshot: where its peers lie.
struct SnapshotRecord {
  var words: HashWords
  var downloaded: UInt32
  var idle: UInt32
  var countV4: Int
  var countV6: Int
  /// Offsets of the addresses and of the notes behind them.
  var addressesV4: Int
  var addressesV6: Int
}

/// Reads a payload and never beyond it.
@safe
struct SnapshotCursor {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

  private var count: Int { unsafe bytes.count }
  var isAtEnd: Bool { offset == count }
  private var left: Int { count - offset }

  private mutating func number() -> UInt32? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 35, by: 7) {
      guard left > 0 else { return nil }
      let byte = unsafe bytes[offset]
      offset += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return UInt32(exactly: value) }
    }
    return nil
  }

  /// The torrent that comes next, its peers passed over.
  mutating func record() -> SnapshotRecord? {
    guard left >= 20 else { return nil }
    let words = unsafe HashWords(wire: bytes, at: offset)
    offset += 20
    guard let downloaded = number(), let idle = number(), let countV4 = number(), let countV6 = number()
    else {
      return nil
    }
    let sizeV4 = Int(countV4) * (PeerAddress.sizeV4 + 2)
    let sizeV6 = Int(countV6) * (PeerAddress.sizeV6 + 2)
    guard left >= sizeV4 + sizeV6 else { return nil }
    let record = SnapshotRecord(
      words: words, downloaded: downloaded, idle: idle, countV4: Int(countV4), countV6: Int(countV6),
      addressesV4: offset, addressesV6: offset + sizeV4)
    offset += sizeV4 + sizeV6
    return record
  }

  /// A peer of a record, its age in place of the time.
  func peer(_ index: Int, of record: SnapshotRecord, isV6: Bool) -> (address: PeerAddress, aged: PeerNote) {
    let number = isV6 ? record.countV6 : record.countV4
    let start = isV6 ? record.addressesV6 : record.addressesV4
    let size = PeerAddress.size(isV6: isV6)
    let (address, note) = (start + index * size, start + number * size + index * 2)
    precondition(index >= 0 && index < number && note + 2 <= count)
    guard let base = unsafe bytes.baseAddress else { preconditionFailure("an empty payload has no peers") }
    let word = unsafe UInt16(bytes[note]) << 8 | UInt16(bytes[note + 1])
    return (unsafe PeerAddress(base + address, isV6: isV6), PeerNote(word: word))
  }
}

extension SwarmShard {
  /// Takes in a torrent. Peers that are too old by now are left out, and so is what would go beyond the limits.
  mutating func restore(
    _ record: SnapshotRecord, _ cursor: SnapshotCursor, _ reading: SnapshotReading, room: Room,
    most: Int
  ) {
    let now = advance(reading.now)
    let hash = record.words.hash(key)
    let idle = UInt32(clamping: UInt64(record.idle) + UInt64(reading.passed))
    var found = find(record.words, hash).map { slot($0) }
    if let slot = found, reading.isReplacing {
      empty(slot)
      slot.touch(now &- min(idle, limits.torrentLifetime))
    }
    let end = peers + most
    let isRemembered = record.downloaded > 0 && idle <= limits.torrentLifetime
    for isV6 in [false, true] {
      let count = isV6 ? record.countV6 : record.countV4
      for index in 0..<count {
        let (address, aged) = cursor.peer(index, of: record, isV6: isV6)
        let age = UInt64(aged.tick) << UInt64(reading.shift) + UInt64(reading.passed)
        guard age <= UInt64(limits.peerLifetime) else { continue }
        if found == nil { found = enterRestored(record, hash, idle, room, now) }
        guard let slot = found, peers < end, population(slot) < limits.peersPerTorrent else { return }
        guard locate(address, in: slot) == nil else { continue }
        let note = PeerNote(
          tick: clock.tick(now &- UInt32(age)), isSeed: aged.isSeed, isPaused: aged.isPaused,
          hasCompleted: aged.hasCompleted)
        restore(SwarmPeer(address: address, note: note), to: slot, expected: count)
      }
    }
    if found == nil, isRemembered { found = enterRestored(record, hash, idle, room, now) }
    if let slot = found { slot.downloaded = max(slot.downloaded, record.downloaded) }
  }

  private mutating func enterRestored(
    _ record: SnapshotRecord, _ hash: UInt64, _ idle: UInt32, _ room: Room, _ now: UInt32
  ) -> SwarmSlot? {
    guard room.torrents != .none, let slot = enter(record.words, hash) else { return nil }
    slot.touch(now &- min(idle, limits.torrentLifetime))
    return slot
  }

  private mutating func restore(_ peer: SwarmPeer, to slot: SwarmSlot, expected: Int) {
    remember(peer.note)
    if !slot.hasBlocks {
      if slot.addInline(peer) { return }
      spill(slot, expected: expected)
    }
    insert(peer, into: slot, expected: expected)
  }
}
