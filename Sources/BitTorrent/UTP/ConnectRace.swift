import EventLoop

/// Two ways to the same peer, tried at once: the first that leads there stays, the other is closed before a word
/// is said on it, so that the peer never meets us twice. When uTP is first, TCP has a moment to catch up. Where TCP
/// goes through a proxy, it is there when the proxy has led it there, perhaps without uTP beside it.
final class ConnectRace: ReadinessHandler {
  /// What TCP is given in any case, seconds, and in parts of the round trip.
  private static let grace = 0.01
  private static let graceOfRoundTrip = 0.5

  private var attempt: TCPAttempt
  private let stream: UTPStream?
  private var watcher: SocketWatcher?
  private var timer: LoopTimer?
  private weak var owner: PeerStream?
  private var handler: (any ReadinessHandler)?
  private var tcpFailed = false
  private var utpFailed = false

  init(tcp attempt: TCPAttempt, utp stream: UTPStream?) {
    self.attempt = attempt
    self.stream = stream
    utpFailed = stream == nil
  }

  /// Starts; `owner` gets the winner, or `nil` if neither way leads there. False if the system refuses.
  func start(for owner: PeerStream, _ handler: any ReadinessHandler, on loop: isolated Loop) -> Bool {
    watcher = loop.watcher(attempt.descriptor, self)
    guard let watcher else { return false }
    self.owner = owner
    self.handler = handler
    watcher.watch(for: .writable)
    stream?.start(Runner(self), for: .writable)
    return true
  }

  /// TCP has connected, or failed.
  func ready(_ events: Readiness, on loop: isolated Loop) {
    switch attempt.goOn() {
    case .waiting(let events): watcher?.watch(for: events)
    case .connected: end(.tcp(attempt.descriptor), on: loop)
    case .failed:
      tcpFailed = true
      watcher?.watch(for: [])
      if utpFailed { end(nil, on: loop) }
      if let stream, stream.isConnected { end(.utp(Confined(stream, on: loop)), on: loop) }
    }
  }

  fileprivate func utpReady(on loop: isolated Loop) {
    guard let stream else { return }
    guard stream.isConnected else {
      utpFailed = true
      stream.watch(for: [])
      if tcpFailed { end(nil, on: loop) }
      return
    }
    stream.watch(for: [])
    if tcpFailed { return end(.utp(Confined(stream, on: loop)), on: loop) }
    let me = Confined(self, on: loop)
    let timer = loop.timer { loop in
      let race = me.value(on: loop)
      if let stream = race.stream { race.end(.utp(Confined(stream, on: loop)), on: loop) }
    }
    timer.set(after: Self.grace + stream.roundTrip * Self.graceOfRoundTrip)
    self.timer = timer
  }

  private func end(_ winner: PeerStream.Carrier?, on loop: isolated Loop) {
    guard let handler else { return }
    stop()
    if case .tcp? = winner { stream?.close() } else { TCP.close(attempt.descriptor) }
    if winner == nil { stream?.close() }
    owner?.ended(race: winner, handler, on: loop)
  }

  private func stop() {
    handler = nil
    watcher?.close()
    watcher = nil
    timer?.close()
    timer = nil
    stream?.pause()
  }

  /// Calls it off.
  func close() {
    guard handler != nil else { return }
    stop()
    TCP.close(attempt.descriptor)
    stream?.close()
  }
}

/// Tells a race about its uTP half.
private final class Runner: ReadinessHandler {
  private let race: ConnectRace

  init(_ race: ConnectRace) { self.race = race }

  func ready(_ events: Readiness, on loop: isolated Loop) { race.utpReady(on: loop) }
}
