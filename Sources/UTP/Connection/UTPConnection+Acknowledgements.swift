import Bytes

// What acknowledgements tell: what arrived, what was lost, how fast the path is.
extension UTPConnection {
  /// What one acknowledgement adds up to.
  private struct Arrivals {
    var bytes = 0
    var packets = 0
    /// When the latest of them was sent, of those that were sent once.
    var sentAt: UInt64 = 0
  }

  /// Takes an acknowledgement in that is not older than the last.
  func acknowledge(_ packet: UTPPacket, _ bytes: RawSpan, now: UInt64) {
    guard sent.count > 0 else { return }
    var arrivals = Arrivals()
    let acknowledged = packet.header.acknowledged
    while sent.count > 0, distance(acknowledged, from: sent.first) >= 0 {
      arrived(sent.first, &arrivals, now: now)
      let first = sent[sent.first]
      let end = first.position + UInt64(first.length)
      outgoing.removeFirst(Int(end - outgoingStart))
      outgoingStart = end
      if lastPartial == sent.first { lastPartial = nil }
      sent.removeFirst()
    }
    if !packet.selective.isEmpty {
      selectively(bytes.extracting(packet.selective), after: acknowledged, &arrivals, now: now)
    }
    if arrivals.packets > 0 {
      progressed(arrivals, now: now)
    } else if packet.header.type == .state, sent.count > 0, acknowledged == sent.first &- 1 {
      repeated(now: now)
    }
    findLosses(now: now)
    if wantsRoom, writableBytes >= 16 << 10 || outgoing.count == 0 {
      wantsRoom = false
      happened(.writable)
    }
  }

  private func selectively(
    _ bits: RawSpan, after acknowledged: UInt16, _ arrivals: inout Arrivals, now: UInt64
  ) {
    for index in 0..<bits.byteCount {
      var byte = bits.byte(at: index)
      while byte != 0 {
        let sequence = acknowledged &+ UInt16(truncatingIfNeeded: index * 8 + byte.trailingZeroBitCount + 2)
        byte &= byte - 1
        guard sent.contains(sequence) else { continue }
        arrived(sequence, &arrivals, now: now)
      }
    }
  }

  private func arrived(_ sequence: UInt16, _ arrivals: inout Arrivals, now: UInt64) {
    let packet = sent[sequence]
    guard packet.fate != .arrived else { return }
    if packet.fate == .inFlight { flight -= Int(packet.length) }
    // Given up too early, or its repetition cannot have arrived yet: packets overtake each other here.
    let isEarly =
      packet.fate == .lost
      || packet.transmissions > 1 && trip.isMeasured && now - packet.sentAt < trip.least / 2
    if isEarly, packet.probe == 0 { overtaken() }
    sent[sequence].fate = .arrived
    arrivals.bytes += Int(packet.length)
    arrivals.packets += 1
    if packet.transmissions == 1 { arrivals.sentAt = max(arrivals.sentAt, packet.sentAt) }
    if !isEarly { newestArrived = max(newestArrived, packet.serial) }
    if packet.isProbing { mtu.arrived(Int(packet.probe)) }
  }

  /// A packet was taken for lost that was not.
  private func overtaken() {
    guard windowBeforeLoss > 0 else { return }
    reordering = min(reordering * 2, 64)
    ledbat.wasNotLost(before: windowBeforeLoss)
    windowBeforeLoss = 0
  }

  private func progressed(_ arrivals: Arrivals, now: UInt64) {
    repeatedAcknowledgements = 0
    trip.progressed()
    if arrivals.sentAt > 0 { trip.add(now - arrivals.sentAt) }
    ledbat.acknowledged(
      arrivals.bytes, packet: packetSize, wasLimited: isWindowLimited, trip, now: now)
    timeoutAt = sent.count > 0 ? now + trip.timeout : .max
  }

  /// The same acknowledgement again: the peer gets packets, but not the one that it waits for. For peers that
  /// do not say which.
  private func repeated(now: UInt64) {
    repeatedAcknowledgements += 1
    guard repeatedAcknowledgements == 3, sent.contains(sent.first), sent[sent.first].fate == .inFlight,
      now - sent[sent.first].sentAt > trip.mean / 2
    else { return }
    lose(sent.first)
    react()
  }

  private func findLosses(now: UInt64) {
    guard newestArrived >= reordering else { return }
    var isCongested = false
    while let sequence = sent.nextOverdue(before: newestArrived - reordering + 1) {
      let packet = sent[sequence]
      // One that was larger than all before says something about the path, not about queues.
      if packet.isProbing {
        mtu.lost(Int(packet.probe))
      } else if packet.serial >= recovery {
        isCongested = true
      }
      lose(sequence)
    }
    if isCongested { react() }
  }

  /// Gives a packet up, to be sent again.
  func lose(_ sequence: UInt16) {
    flight -= Int(sent[sequence].length)
    sent[sequence].fate = .lost
    toResend.append(sequence)
  }

  /// Once for what is lost in a round trip.
  private func react() {
    recovery = sent.nextSerial
    windowBeforeLoss = ledbat.window
    ledbat.lost(packet: packetSize)
  }
}
