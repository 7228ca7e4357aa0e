import Addresses
import Bytes

// What a packet does. All that cannot be true is passed over without a trace.
extension UTPConnection {
  /// Handles a packet that carries the number of this connection.
  func receive(_ packet: UTPPacket, _ bytes: RawSpan, now: UInt64, _ pool: inout BufferPool) {
    let header = packet.header
    if header.type == .reset {
      reset(header)
      return
    }
    guard header.type != .syn, phase != .closed else { return }
    if phase == .connecting {
      guard header.type == .state, header.acknowledged == sent.first else { return }
      received = header.sequence &- 1
      phase = .open
      happened([.connected, .writable])
    }
    // What acknowledges packets that were never sent, or speaks of another time, is not from the peer.
    let ahead = distance(header.acknowledged, from: sent.first &- 1)
    guard ahead <= sent.count, ahead >= -UTP.packetLimit else { return }
    let step = distance(header.sequence, from: received)
    guard abs(step) <= UTP.packetLimit else { return }

    silence = 0
    if let largest = packet.largestDatagram {
      mtu.allow(min(Int(largest), socket.configuration.largestDatagram(to: remote.address)))
    }
    measure(header, now: now)
    if ahead >= 0 {
      remoteWindow = Int(header.window)
      acknowledge(packet, bytes, now: now)
    }
    if header.type != .state { take(packet, bytes, step: step, now: now, &pool) }
    socket.isDirty(self)
  }

  /// The peer says that it has no such connection. Who cannot see our packets does not know what they say.
  private func reset(_ header: UTPHeader) {
    let ahead = distance(header.acknowledged, from: sent.first &- 1)
    guard ahead >= -1, ahead <= sent.count + 1 else { return }
    fail(phase == .connecting ? .refused : .reset)
  }

  /// Takes what a packet tells of the two ways.
  private func measure(_ header: UTPHeader, now: UInt64) {
    let theirs = UInt32(truncatingIfNeeded: now) &- header.timestamp
    difference = theirs
    let lower = theirDelay.add(theirs, now: now)
    // Their clock seems to run faster than ours if their way becomes shorter and shorter: then ours becomes
    // longer by as much without any queue.
    if lower > 0, lower < 10_000, !ourDelay.isEmpty { ourDelay.shift(by: lower) }
    if header.difference != 0 {
      _ = ourDelay.add(header.difference, now: now)
      ledbat.measured(ourDelay.queueing(header.difference), now: now)
    }
  }

  /// Takes what a packet carries; `step` is how far it is ahead of what came last in order.
  private func take(
    _ packet: UTPPacket, _ bytes: RawSpan, step: Int, now: UInt64, _ pool: inout BufferPool
  ) {
    let sequence = packet.header.sequence
    if let end = finSequence, distance(sequence, from: end) > 0 { return }
    guard step > 0, !reorder.contains(sequence, after: received) else {
      // It came twice: perhaps our word of it was lost.
      mustAcknowledge = true
      return
    }
    let count = packet.payload.count
    let held = incoming.count + reorder.byteCount
    guard phase == .closing || held + count <= socket.configuration.receiveLimit + (64 << 10) else {
      mustAcknowledge = true
      return
    }
    if packet.header.type == .fin, finSequence == nil {
      if reorder.count > 0, distance(reorder.last, from: sequence) > 0 { return }
      finSequence = sequence
    }
    unsafe bytes.extracting(packet.payload).withUnsafeBytes { payload in
      if step > 1 {
        unsafe reorder.insert(sequence, payload, after: received, &pool)
      } else {
        if phase != .closing { unsafe incoming.append(payload) }
        received = sequence
      }
    }
    unacknowledged += 1
    guard step == 1 else {
      mustAcknowledge = true
      return
    }
    if reorder.count > 0 { mustAcknowledge = true }
    while reorder.move(received &+ 1, after: received, to: &incoming, &pool) { received &+= 1 }
    if phase == .closing {
      incoming.removeFirst(incoming.count)
    } else {
      happened(.readable)
    }
    if finSequence == received { mustAcknowledge = true }
    if unacknowledged == 1 { acknowledgeAt = now + UTP.acknowledgementDelay }
  }
}
