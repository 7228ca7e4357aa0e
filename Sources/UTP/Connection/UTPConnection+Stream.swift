// What the user of a connection calls; like a socket that does not block.
extension UTPConnection {
  /// Bytes that can be read now.
  public var readableBytes: Int { incoming.count }

  /// Whether the peer has ended its stream and all of it was read.
  public var isAtEnd: Bool { incoming.count == 0 && finSequence == received }

  /// Moves bytes that came to `target`; their count, 0 if there are none now.
  public func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    let count = unsafe incoming.read(into: target)
    // A peer that was told of little room must hear that there is more.
    if toldWindow < socket.configuration.receiveLimit / 4, receiveWindow > toldWindow * 2 + packetSize {
      mustAcknowledge = true
      socket.isDirty(self)
    }
    return count
  }

  /// Bytes that `write` would take now: twice what may be under way, so that there is always more to send.
  public var writableBytes: Int {
    guard phase == .open else { return 0 }
    let limit = min(max(Int(ledbat.window) * 2, 64 << 10), socket.configuration.sendLimit)
    return max(0, limit - outgoing.count)
  }

  /// Bytes that were taken and that the peer has not acknowledged.
  public var unacknowledgedBytes: Int { outgoing.count }

  /// Takes bytes to be sent; how many, from the front. `writable` tells when there is room for the rest.
  public func write(_ bytes: UnsafeRawBufferPointer) -> Int {
    let count = min(bytes.count, writableBytes)
    if count < bytes.count { wantsRoom = true }
    guard count > 0 else { return 0 }
    unsafe outgoing.append(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    socket.isDirty(self)
    return count
  }

  /// The next `count` bytes end a packet, and those before them do not travel behind them: see `greeting`.
  public func endsGreeting(after count: Int) { greeting = Int(outgoingStart) + outgoing.count + count }

  /// Round trip, smoothed, µs; 0 before it was measured.
  public var roundTrip: UInt64 { trip.mean }

  /// Bytes of the largest datagrams that are sent.
  public var datagramSize: Int { mtu.size }

  /// Ends the connection: what was written is still sent, for a few seconds at most; what comes is thrown
  /// away. No events follow. Idempotent.
  public func close(now: UInt64) {
    owner = nil
    events = []
    switch phase {
    case .connecting: socket.end(self)
    case .open:
      phase = .closing
      incoming.removeFirst(incoming.count)
      endAt = now + UTP.linger
      socket.isDirty(self)
    case .closing, .closed: break
    }
  }

  /// Ends the connection at once; the peer is told. No events follow.
  public func abort() {
    owner = nil
    events = []
    guard phase != .closed else { return }
    if phase != .connecting { socket.sendReset(of: self) }
    socket.end(self)
  }
}
