// What happens with time.
extension UTPConnection {
  /// When `advance` is to be called next.
  var deadline: UInt64 {
    guard phase != .closed else { return .max }
    return min(min(timeoutAt, acknowledgeAt), min(askAt, endAt), lastSent + UTP.keepAlive)
  }

  /// Does what is due.
  func advance(to now: UInt64) {
    guard phase != .closed else { return }
    settle(now: now)
    if now >= endAt {
      socket.end(self)
      return
    }
    if now >= timeoutAt { timedOut(now: now) }
    guard phase != .closed else { return }
    if now >= acknowledgeAt { socket.isDirty(self) }
    if now >= askAt {
      askAt = .max
      mayAsk = true
      trip.timedOut()
      socket.isDirty(self)
    }
    if now >= lastSent + UTP.keepAlive { keepAlive(now: now) }
  }

  /// After closing: everything has arrived, so there is nothing more to wait for but the peer's last words.
  func settle(now: UInt64) {
    guard phase == .closing, hasSentFIN, sent.count == 0 else { return }
    endAt = min(endAt, now + UTP.afterlife)
  }

  private func timedOut(now: UInt64) {
    timeoutAt = .max
    guard sent.count > 0 else { return }
    trip.timedOut()
    silence += 1
    guard silence <= (phase == .connecting ? UTP.connectLimit : UTP.timeoutLimit) else {
      fail(.timedOut)
      return
    }
    let first = sent[sent.first]
    if first.isProbing {
      mtu.lost(Int(first.probe))
    } else if trip.backOff == 3, first.length > PathMTU.least {
      mtu.fallBack()
    }
    for step in 0..<sent.count {
      let sequence = sent.first &+ UInt16(truncatingIfNeeded: step)
      if sent[sequence].fate == .inFlight { lose(sequence) }
    }
    recovery = sent.nextSerial
    windowBeforeLoss = 0
    ledbat.timedOut(packet: packetSize)
    timeoutAt = now + trip.timeout
    socket.isDirty(self)
  }

  private func keepAlive(now: UInt64) {
    lastSent = now
    guard phase == .open else { return }
    outgoing.trim()
    incoming.trim()
    mustAcknowledge = true
    socket.isDirty(self)
  }
}
