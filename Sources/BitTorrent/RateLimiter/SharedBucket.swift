import EventLoop
import Synchronization

/// A limit that all loops of a session share. Thread-safe; its lock is taken for a batch of tokens
/// (`LoopBucket`), never for a block.
///
/// While loops wait, what time brings is divided among them by how many of their torrents wait; what nobody
/// waits for is saved up, and whoever comes first may have it. So a loop that has nothing to do takes
/// nothing from the others. All of it together saves up no more than a `TokenBucket`.
final class SharedBucket: Sendable {
  private struct Account {
    /// Torrents of the loop that wait.
    var weight = 0
    /// Bytes that came in for the loop while it waited.
    var tokens = 0.0
  }

  private struct State {
    var rate: Double?
    var burst = 0.0
    /// What is for everyone; negative while a loop that has gone overdrew it.
    var spare = 0.0
    var updated: Instant?
    var accounts: [Account]

    /// Gives out what time has brought. O(loops).
    mutating func advance(to now: Instant) {
      guard let rate, let updated, now > updated else { return }
      self.updated = now
      var news = rate * now.seconds(since: updated)
      let debt = max(0, -spare)
      let weight = accounts.reduce(0) { $0 + $1.weight }
      guard weight > 0, news > debt else {
        spare = min(burst, spare + news)
        return
      }
      spare = max(0, spare)
      news -= debt
      var saved = 0.0
      for index in accounts.indices where accounts[index].weight > 0 {
        let part = Double(accounts[index].weight) / Double(weight)
        let tokens = accounts[index].tokens + news * part
        // A loop that is late does not save up what others could have.
        accounts[index].tokens = min(burst * part, tokens)
        saved += accounts[index].tokens
        spare += tokens - accounts[index].tokens
      }
      spare = min(spare, burst - saved)
    }

    mutating func weigh(_ loop: Int, _ weight: Int) {
      accounts[loop].weight = weight
      guard weight == 0 else { return }
      spare = min(burst, spare + accounts[loop].tokens)
      accounts[loop].tokens = 0
    }
  }

  private let burstSeconds: Double
  private let startsFull: Bool
  private let state: Mutex<State>

  /// No limit yet. What is saved up and what is there at first are those of `TokenBucket`.
  init(loops: Int, burstSeconds: Double = 0.1, startsFull: Bool = false) {
    self.burstSeconds = burstSeconds
    self.startsFull = startsFull
    state = Mutex(State(accounts: Array(repeating: Account(), count: loops)))
  }

  /// Sets the limit, in bytes a second; `nil` for none. All loops are told to ask anew then.
  func setRate(_ rate: Int?, now: Instant) {
    let bucket = rate.map { TokenBucket(rate: $0, burstSeconds: burstSeconds, now: now) }
    state.withLock { state in
      state.rate = bucket?.rate
      state.burst = bucket?.burst ?? 0
      state.spare = startsFull ? state.burst : 0
      state.updated = now
      for index in state.accounts.indices { state.accounts[index].tokens = 0 }
    }
  }

  /// Bytes a second.
  var rate: Double? { state.withLock(\.rate) }

  /// Takes up to `bytes` for a loop of which `weight` torrents wait.
  func draw(_ bytes: Double, for loop: Int, weight: Int, now: Instant) -> Double {
    state.withLock { state in
      state.advance(to: now)
      state.weigh(loop, weight)
      let own = min(bytes, state.accounts[loop].tokens)
      let spare = min(bytes - own, max(0, state.spare))
      state.accounts[loop].tokens -= own
      state.spare -= spare
      return own + spare
    }
  }

  /// `weight` torrents of a loop wait from now on, which gives back `bytes`: a debt if negative.
  func settle(_ bytes: Double, for loop: Int, weight: Int, now: Instant) {
    state.withLock { state in
      state.advance(to: now)
      state.weigh(loop, weight)
      state.spare = min(state.burst, state.spare + bytes)
    }
  }
}

/// A loop's end of a `SharedBucket`: bytes that it has drawn and may move without asking again. With one
/// loop, a bucket of its own.
struct LoopBucket {
  private enum Source {
    case own(TokenBucket)
    case shared(SharedBucket, loop: Int, rate: Double)
  }

  private var source: Source
  private var purse = 0.0
  /// Torrents that the shared bucket believes to be waiting.
  private var weight = 0

  init(_ bucket: TokenBucket) { source = .own(bucket) }

  /// `nil` if there is no limit.
  init?(_ bucket: SharedBucket, loop: Int) {
    guard let rate = bucket.rate else { return nil }
    source = .shared(bucket, loop: loop, rate: rate)
  }

  /// Bytes that may move at `now`, while `weight` torrents wait; negative while overdrawn.
  mutating func available(now: Instant, weight: Int) -> Int {
    switch source {
    case .own(var bucket):
      let bytes = bucket.available(now: now)
      source = .own(bucket)
      return bytes
    case .shared(let bucket, let loop, let rate):
      let least = Double(Block.size)
      if purse < least {
        // What comes in 20 ms, so that the lock is taken fifty times a second.
        purse += bucket.draw(max(least, rate * 0.02) - purse, for: loop, weight: weight, now: now)
        self.weight = weight
      }
      return Int(purse.rounded(.down))
    }
  }

  /// `weight` torrents wait now.
  mutating func waiting(_ weight: Int, now: Instant) {
    guard case .shared(let bucket, let loop, _) = source, weight != self.weight else { return }
    bucket.settle(0, for: loop, weight: weight, now: now)
    self.weight = weight
  }

  /// Gives back what was not used. For when nobody waits, and for the end.
  mutating func settle(now: Instant) {
    guard case .shared(let bucket, let loop, _) = source, purse != 0 || weight != 0 else { return }
    bucket.settle(purse, for: loop, weight: 0, now: now)
    (purse, weight) = (0, 0)
  }

  /// `bytes` move.
  mutating func spend(_ bytes: Int) {
    guard case .own(var bucket) = source else {
      purse -= Double(bytes)
      return
    }
    bucket.spend(bytes)
    source = .own(bucket)
  }

  /// `bytes` that were spent do not move after all.
  mutating func refund(_ bytes: Int) {
    guard case .own(var bucket) = source else {
      purse += Double(bytes)
      return
    }
    bucket.refund(bytes)
    source = .own(bucket)
  }

  /// Seconds until that many bytes may move, if no other loop wants them; infinite if never.
  func delay(until bytes: Int) -> Double {
    switch source {
    case .own(let bucket): return bucket.delay(until: bytes)
    case .shared(_, _, let rate):
      let missing = Double(bytes) - purse
      guard missing > 0 else { return 0 }
      return rate > 0 ? missing / rate : .infinity
    }
  }

  /// See `TokenBucket.quantum`.
  var quantum: Int {
    switch source {
    case .own(let bucket): bucket.quantum
    case .shared(_, _, let rate): TokenBucket.quantum(rate)
    }
  }
}
