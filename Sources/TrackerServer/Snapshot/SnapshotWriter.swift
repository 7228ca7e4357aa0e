import Bytes
import Digest
internal import Glibc
import TrackerProtocol

/// What a snapshot has.
public struct SnapshotSummary: Sendable, Equatable {
  /// Torrents.
  public internal(set) var torrents = 0
  /// Peers of all of them.
  public internal(set) var peers = 0
}

extension SwarmTable {
  /// Writes what is there to a descriptor, a few torrents at a time under the lock of their shard: announces go on
  /// meanwhile, and the parts of the snapshot are of different moments. With `since`, only torrents that somebody
  /// announced at that time or later (or up to four seconds before).
  func writeSnapshot(
    to descriptor: Int32, wall: UInt64, since: UInt32? = nil, clock: () -> UInt32
  ) throws(SnapshotFault) -> SnapshotSummary {
    var summary = SnapshotSummary()
    var sections: UInt64 = 0
    let began = clock()
    let shift = withShard(number: 0) { $0.clock.shift }
    try write(SnapshotFormat.header(shift: shift, wall: wall), to: descriptor)
    var payload: [UInt8] = []
    payload.reserveCapacity(SnapshotFormat.usualPayload * 2)
    for number in 0..<shardCount {
      var left: Int? = nil
      while left != 0 {
        payload.removeAll(keepingCapacity: true)
        let now = clock()
        var section = withShard(number: number) { shard in
          shard.appendSnapshot(to: &payload, left: &left, since: since, now: now)
        }
        guard section.torrents > 0 else { continue }
        section.length = payload.count
        section.delay = now &- began
        let header = SnapshotFormat.sectionHeader(section, checksum: CRC32C.of(payload.rawBytes))
        try write(header, to: descriptor)
        try write(payload, to: descriptor)
        sections += 1
        summary.torrents += Int(section.torrents)
        summary.peers += Int(section.peers)
      }
    }
    let end = SnapshotFormat.end(
      sections: sections, torrents: UInt32(truncatingIfNeeded: summary.torrents),
      peers: UInt64(summary.peers))
    try write(end, to: descriptor)
    return summary
  }

  private func write(_ bytes: [UInt8], to descriptor: Int32) throws(SnapshotFault) {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .system("cannot write a snapshot", code: count < 0 ? errno : ENOSPC) }
      done += count
    }
  }
}

extension SwarmShard {
  /// Torrents that one hold of the lock looks at.
  private static let batch = 512

  /// Appends some torrents, from the last to the first: the sweep moves the last to where one leaves, so that what
  /// is there all the time comes at least once. `left` is how many slots are still to be seen; `nil` is all.
  func appendSnapshot(
    to payload: inout [UInt8], left: inout Int?, since: UInt32?, now: UInt32
  ) -> SnapshotSection {
    var section = SnapshotSection()
    let now = current(now)
    var number = min(left ?? torrents, torrents)
    let end = max(0, number - Self.batch * (since == nil ? 1 : 8))
    while number > end, payload.count < SnapshotFormat.usualPayload {
      number -= 1
      let slot = slot(number)
      if let since, slot.idle(now) > Int64(now &- since) + 4 { continue }
      let peers = population(slot)
      guard peers > 0 || slot.downloaded > 0 || since != nil else { continue }
      append(slot, to: &payload, now)
      section.torrents += 1
      section.peers += UInt32(peers)
    }
    left = number
    return section
  }

  private func append(_ slot: SwarmSlot, to payload: inout [UInt8], _ now: UInt32) {
    slot.infoHash.append(to: &payload)
    payload.append(number: slot.downloaded)
    payload.append(number: slot.idle(now))
    guard slot.hasBlocks else {
      appendInline(slot, to: &payload, now)
      return
    }
    let blocks = [block(slot, isV6: false), block(slot, isV6: true)]
    for block in blocks { payload.append(number: UInt32(block?.count ?? 0)) }
    for case let block? in blocks {
      unsafe block.withAddresses(0..<block.count) { unsafe payload.append(contentsOf: $0) }
      for position in 0..<block.count { append(block.note(position), to: &payload, now) }
    }
  }

  private func appendInline(_ slot: SwarmSlot, to payload: inout [UInt8], _ now: UInt32) {
    let count = slot.inlineCount
    let v6 = count > 0 && slot.inline(count - 1).address.isV6 ? 1 : 0
    payload.append(number: UInt32(count - v6))
    payload.append(number: UInt32(v6))
    for part in [0..<count - v6, count - v6..<count] {
      for index in part { unsafe slot.withAddress(index) { unsafe payload.append(contentsOf: $0) } }
      for index in part { append(slot.inline(index).note, to: &payload, now) }
    }
  }

  private func append(_ note: PeerNote, to payload: inout [UInt8], _ now: UInt32) {
    let aged = clock.aged(note, now: now)
    payload.append(UInt8(aged >> 8))
    payload.append(UInt8(aged & 0xff))
  }
}

extension [UInt8] {
  /// Appends a number in seven bits a byte, lowest first.
  fileprivate mutating func append(number: UInt32) {
    var rest = number
    while rest >= 0x80 {
      append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}
