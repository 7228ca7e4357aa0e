import Addresses
import Bytes
import Digest
internal import Synchronization
import TrackerProtocol

/// Makes the bodies of answers to announces and scrapes, whatever carried the query. Its buffers are used again, so
/// that an announce allocates nothing; not for several threads.
struct TrackerResponder {
  let core: TrackerCore
  private var reply = SwarmReply()
  private var dice: Dice

  /// `seed` must not be known to those who ask.
  init(_ core: TrackerCore, seed: UInt64) {
    self.core = core
    dice = Dice(state: seed)
  }

  /// Appends the answer to an announce from `source`.
  mutating func announce(
    _ query: RawSpan, from source: IPAddress, passkey: Passkey?, into body: inout [UInt8]
  ) {
    let announce: AnnounceQuery
    do {
      announce = try AnnounceQuery(query)
    } catch {
      return refuse(error.description, into: &body)
    }
    var announcement = unsafe Announcement(
      infoHash: announce.infoHash, peer: Endpoint(source, port: announce.port), other: nil,
      peerID: AnnouncedPeerID(announce.peerID.span.bytes, at: 0), uploaded: announce.uploaded,
      downloaded: announce.downloaded, left: announce.left, event: announce.event, wanted: announce.wanted,
      passkey: passkey)
    if announce.claimsAddresses { place(&announcement, query) }
    let extended = announce.isExtended ? ExtensionQuery(query: query.array(0..<query.byteCount)) : nil
    if let extended {
      (announcement.isRanked, announcement.bandwidth) = (extended.isRanked, extended.bandwidth)
    }
    if let refusal = core.announce(announcement, now: core.clock(), random: dice.next(), into: &reply) {
      return refuse(refusal.reason, retryIn: refusal.retryIn, into: &body)
    }
    append(announcement, source, isCompact: announce.acceptsCompact, to: &body)
    if let extended {
      core.answer(extended, to: announcement, now: core.clock()).append(to: &body)
    }
  }

  /// Where a client can be reached: at the address that it comes from. What it claims counts only if
  /// it is near, or anyone could have the swarm attack anyone (BEP 7): an address of the family that it
  /// comes from replaces that one, an address of the other is a second entry.
  private func place(_ announcement: inout Announcement, _ query: RawSpan) {
    let source = announcement.peer.address
    guard source.isLoopback || source.isPrivate else { return }
    for address in AnnounceQuery.claimedAddresses(in: query)
    where !address.isUnspecified && !address.isMulticast {
      let entry = Endpoint(address, port: announcement.peer.port)
      if address.isV4 == source.isV4 {
        announcement.peer = entry
      } else {
        announcement.other = entry
      }
    }
  }

  /// The bencoded reply (BEP 3, 7, 23, 24): peers of both families, those of IPv6 apart.
  private func append(
    _ announcement: Announcement, _ source: IPAddress, isCompact: Bool, to body: inout [UInt8]
  ) {
    let intervals = core.intervals(after: reply)
    body.append(text: "d8:completei")
    body.append(decimal: reply.counts.seeds)
    body.append(text: "e10:downloadedi")
    body.append(decimal: reply.counts.downloaded)
    body.append(text: source.isV4 ? "e11:external ip4:" : "e11:external ip16:")
    source.append(to: &body)
    body.append(text: "10:incompletei")
    body.append(decimal: reply.counts.leeches)
    body.append(text: "e8:intervali")
    body.append(decimal: intervals.usual)
    body.append(text: "e12:min intervali")
    body.append(decimal: intervals.minimum)
    body.append(UInt8(ascii: "e"))
    // The peer itself is never among them; its second entry may be.
    let skipped = announcement.other.flatMap { position(of: $0) }
    if isCompact {
      append("5:peers", reply.peersV4, isV6: false, skipped, to: &body)
      if !reply.peersV6.isEmpty { append("6:peers6", reply.peersV6, isV6: true, skipped, to: &body) }
    } else {
      body.append(text: "5:peersl")
      appendDictionaries(reply.peersV4, isV6: false, skipped, to: &body)
      appendDictionaries(reply.peersV6, isV6: true, skipped, to: &body)
      body.append(UInt8(ascii: "e"))
    }
    body.append(UInt8(ascii: "e"))
  }

  private typealias Position = (offset: Int, isV6: Bool)

  private func position(of endpoint: Endpoint) -> Position? {
    let isV6 = !endpoint.address.isV4
    let peers = isV6 ? reply.peersV6 : reply.peersV4
    for offset in stride(from: 0, to: peers.count, by: Endpoint.compactSize(isV6: isV6))
    where Endpoint(compact: peers.rawBytes, at: offset, isV6: isV6) == endpoint {
      return (offset, isV6)
    }
    return nil
  }

  private func append(
    _ key: StaticString, _ peers: [UInt8], isV6: Bool, _ skipped: Position?, to body: inout [UInt8]
  ) {
    body.append(text: key)
    guard let skipped, skipped.isV6 == isV6 else {
      body.append(decimal: peers.count)
      body.append(UInt8(ascii: ":"))
      body.append(contentsOf: peers)
      return
    }
    let size = Endpoint.compactSize(isV6: isV6)
    body.append(decimal: peers.count - size)
    body.append(UInt8(ascii: ":"))
    body.append(contentsOf: peers[..<skipped.offset])
    body.append(contentsOf: peers[(skipped.offset + size)...])
  }

  private func appendDictionaries(
    _ peers: [UInt8], isV6: Bool, _ skipped: Position?, to body: inout [UInt8]
  ) {
    for offset in stride(from: 0, to: peers.count, by: Endpoint.compactSize(isV6: isV6)) {
      if let skipped, skipped.isV6 == isV6, skipped.offset == offset { continue }
      let peer = Endpoint(compact: peers.rawBytes, at: offset, isV6: isV6)
      let address = peer.address.description
      body.append(utf8: "d2:ip\(address.utf8.count):\(address)4:porti\(peer.port)ee")
    }
  }

  /// Appends a bencoded failure (BEP 3, BEP 31). Allocates.
  func refuse(_ reason: String, retryIn: RetryIn? = nil, into body: inout [UInt8]) {
    core.counters.failures.add(1, ordering: .relaxed)
    body.append(contentsOf: TrackerFault.encoded(reason: reason, retryIn: retryIn))
  }
}

extension [UInt8] {
  /// Appends ASCII text that is known when the program is built.
  mutating func append(text: StaticString) {
    unsafe append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a number in decimal digits.
  mutating func append(decimal number: Int) {
    if number < 0 { append(UInt8(ascii: "-")) }
    let magnitude = number.magnitude
    var unit: UInt = 1
    while magnitude / unit >= 10 { unit *= 10 }
    while unit > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude / unit % 10))
      unit /= 10
    }
  }
}
