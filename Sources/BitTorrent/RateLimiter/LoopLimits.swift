import EventLoop

/// The limits of a loop and the clock that gives turns to peers that wait. Confined to its loop.
///
/// Loops share the session's limits (`SharedLimits`). Nothing runs while nobody waits.
final class LoopLimits {
  /// Seconds between rounds: long enough to cost nothing, short enough that buckets do not overflow.
  private static let shortest = 0.02
  private static let longest = 0.05
  /// The same while a limit of 0 holds everyone.
  private static let forEver = 0.5
  /// Turns in a round, so that a flood of small messages does not hold the loop.
  private static let turnsPerRound = 1024

  /// What other loops have a part of, and which of them this is; `nil` if it is the only one.
  private let shared: SharedLimits?
  private let index: Int
  private let localPeers: LocalPeers
  private let others = RateClass()
  private let local = RateClass()
  private var timer: LoopTimer?
  private var isArmed = false

  init(
    _ configuration: SessionConfiguration, shared: SharedLimits?, index: Int, on loop: isolated Loop
  ) {
    self.shared = shared
    self.index = index
    localPeers = configuration.localPeers
    set(
      RateLimits(download: configuration.downloadLimit, upload: configuration.uploadLimit), on: loop)
    if let shared {
      local.set(shared.local, loop: index, now: loop.now)
    } else if case .separately(let limits) = localPeers {
      local.set(limits, now: loop.now)
    }
  }

  /// The session's limits, for peers that are not exempt; those that are shared have been set already.
  func set(_ limits: RateLimits, on loop: isolated Loop) {
    if let shared {
      others.set(shared.others, loop: index, now: loop.now)
    } else {
      others.set(limits, now: loop.now)
    }
  }

  /// What the peers of a torrent share, those of the local network last.
  func shares(_ limits: RateLimits, on loop: isolated Loop) -> (others: RateShares, local: RateShares) {
    let others = others.shares(limits, now: loop.now)
    switch localPeers {
    case .limited: return (others, others)
    case .exempt: return (others, RateShares())
    case .separately: return (others, local.shares(RateLimits(), now: loop.now))
    }
  }

  /// Empties all lines: for a change of limits, after which everyone asks anew.
  func emptyLines() {
    others.emptyLines()
    local.emptyLines()
  }

  // MARK: Turns

  /// Somebody waits: sees to it that it gets a turn.
  func arm(on loop: isolated Loop) {
    others.announce(now: loop.now)
    local.announce(now: loop.now)
    guard !isArmed else { return }
    isArmed = true
    if timer == nil {
      let me = Confined(self, on: loop)
      timer = loop.timer { loop in me.value(on: loop).round(on: loop) }
    }
    let delay = min(others.delay, local.delay)
    timer?.set(after: delay.isFinite ? min(max(delay, Self.shortest), Self.longest) : Self.forEver)
  }

  func close() {
    timer?.close()
    timer = nil
  }

  private func round(on loop: isolated Loop) {
    isArmed = false
    for rates in [others, local] where rates.isWaitedFor {
      serve(rates.arrivals, on: loop) { loop, turn in turn.member.readTurn(turn.bytes, on: loop) }
      serve(rates.requests, on: loop) { loop, turn in turn.member.requestTurn(turn.bytes, on: loop) }
      serve(rates.uploads, on: loop) { loop, turn in turn.member.uploadTurn(turn.bytes, on: loop) }
    }
    settle(on: loop)
    if others.isWaitedFor || local.isWaitedFor { arm(on: loop) }
  }

  /// Gives back what nobody here waits for. Now and then, too, while nobody waits at all.
  func settle(on loop: isolated Loop) {
    others.settle(now: loop.now)
    local.settle(now: loop.now)
  }

  private func serve(
    _ limiter: RateLimiter<PeerConnection>, on loop: isolated Loop,
    _ move: (isolated Loop, RateTurn<PeerConnection>) -> Void
  ) {
    limiter.beginRound(now: loop.now)
    for _ in 0..<Self.turnsPerRound {
      guard let turn = limiter.next(now: loop.now) else { return }
      move(loop, turn)
    }
  }
}
