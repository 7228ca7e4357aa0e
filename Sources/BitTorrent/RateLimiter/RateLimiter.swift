import EventLoop

/// One limit for one direction, shared by the torrents of a loop, and each torrent's share of it by its
/// peers. Sans-I/O: who may not move bytes now waits in line and is given a turn by `next`.
///
/// Turns go around the torrents in which somebody waits, and within a torrent around its peers, each for
/// about the same number of bytes: so both are treated alike, whatever the number of a torrent's peers.
/// A torrent whose own limit is used up stands aside and holds up nobody.
/// While nobody waits, bytes are taken without any of this. Confined to one loop.
final class RateLimiter<Member> {
  /// Bytes that must be there before anybody may move some: blocks are not cut up.
  static var least: Int { Block.size }

  /// The limit that all torrents share; `nil` if there is none.
  private(set) var bucket: LoopBucket?
  private let burstSeconds: Double
  private let startsFull: Bool
  /// Torrents in which somebody waits, the next one first.
  private var turns = TurnQueue<RateShare<Member>>()
  /// Those of them whose own limit is used up.
  private var parked: [RateShare<Member>] = []

  /// A limiter without a limit. Its buckets save up what comes in `burstSeconds`.
  init(burstSeconds: Double = 0.1, startsFull: Bool = false) {
    self.burstSeconds = burstSeconds
    self.startsFull = startsFull
  }

  /// Sets the limit that all torrents share, in bytes a second.
  func setLimit(_ rate: Int?, now: Instant) { bucket = rate.map { LoopBucket(newBucket($0, now: now)) } }

  /// Takes the limit that all loops share as it is set now; this one is the loop with that number.
  func setLimit(_ shared: SharedBucket, loop: Int, now: Instant) {
    // What is left of the old limit is of no worth.
    bucket = LoopBucket(shared, loop: loop)
    bucket?.waiting(turns.count, now: now)
  }

  /// Nobody waits any more, or time has passed: gives back what was lent and not used.
  func settle(now: Instant) {
    if turns.isEmpty { bucket?.settle(now: now) }
  }

  /// A torrent's share, with a limit of its own or without; `nil` if there is no limit at all.
  func share(limit: Int?, now: Instant) -> RateShare<Member>? {
    guard bucket != nil || limit != nil else { return nil }
    return RateShare(self, limit.map { newBucket($0, now: now) })
  }

  private func newBucket(_ rate: Int, now: Instant) -> TokenBucket {
    TokenBucket(rate: rate, burstSeconds: burstSeconds, startsFull: startsFull, now: now)
  }

  /// Whether somebody waits for a turn.
  var isWaitedFor: Bool { !turns.isEmpty || !parked.isEmpty }

  /// Lets torrents whose own limit had been used up take part again. Before a series of `next`. O(those).
  func beginRound(now: Instant) {
    guard !parked.isEmpty else { return }
    var still: [RateShare<Member>] = []
    for share in parked {
      if share.own(now: now) >= Self.least { turns.append(share) } else { still.append(share) }
    }
    parked = still
  }

  /// Who may move bytes now, and how many; it leaves the line. `nil` when tokens or those who wait have run
  /// out. Who takes its turn says so by `spend` of its share.
  func next(now: Instant) -> RateTurn<Member>? {
    let common = bucket?.available(now: now, weight: turns.count) ?? .max
    guard common >= Self.least else { return nil }
    while let share = turns.removeFirst() {
      let own = share.own(now: now)
      guard own >= Self.least else {
        parked.append(share)
        continue
      }
      guard let member = share.removeFirst() else {
        share.isInLine = false
        continue
      }
      if share.isWaitedFor { turns.append(share) } else { share.isInLine = false }
      let quantum = min(bucket?.quantum ?? .max, share.bucket?.quantum ?? .max)
      return RateTurn(member: member, bytes: min(common, own, quantum))
    }
    return nil
  }

  /// Seconds after the last round until the next one can give somebody a turn.
  var delay: Double {
    let common = bucket?.delay(until: Self.least) ?? 0
    guard turns.isEmpty else { return common }
    let own = parked.lazy.map { $0.bucket?.delay(until: Self.least) ?? 0 }.min() ?? 0
    return max(common, own)
  }

  /// Bytes that may be taken out of turn by a share in which nobody waits: none while others wait.
  func common(now: Instant) -> Int {
    turns.isEmpty ? bucket?.available(now: now, weight: 0) ?? .max : 0
  }

  func spend(_ bytes: Int) { bucket?.spend(bytes) }

  func refund(_ bytes: Int) { bucket?.refund(bytes) }

  func join(_ share: RateShare<Member>) { turns.append(share) }

  /// Somebody has joined: from now on tokens are for this loop, too.
  func announce(now: Instant) { bucket?.waiting(turns.count, now: now) }

  /// Sends everyone away: for a change of limits, after which they ask anew.
  func emptyLine() {
    while let share = turns.removeFirst() { share.emptyLine() }
    for share in parked { share.emptyLine() }
    parked = []
  }
}

/// A turn to move bytes.
struct RateTurn<Member> {
  /// Whose it is.
  let member: Member
  /// How many; a block more if it does not end there.
  let bytes: Int
}
