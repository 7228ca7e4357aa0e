import EventLoop

/// How many blocks to have requested from one peer at once: the measured rate times the round trip and a
/// margin for its service, never a fixed number.
///
/// While the window is what limits the rate, each measurement shows about twice what the window holds, so
/// it doubles each round (slow start); once the link or the peer is the limit it stays at the double of rate
/// × (round trip + margin). The round trip is the shortest time that any request took, so a queue that we
/// build ourselves does not make the window grow.
struct RequestWindow: Sendable {
  /// Requests that a peer which does not say so (BEP 10, `reqq`) is supposed to take.
  static let usualPeerLimit = 250
  /// Requests for a peer that is not snubbed, at least.
  static let minimum = 2
  private static let initial = 8
  /// Seconds for which the peer should have work beyond the round trip: its scheduling and ours. A peer
  /// whose disk or processor is busy answers after half a second or more; with less in its queue it would be
  /// measured as slow, asked for less, and so on down to nothing.
  static let margin = 0.5
  /// The same while several others deliver as well: if one runs dry for a moment, they fill the link. What is
  /// asked of one peer early cannot be asked of another that gets the piece meanwhile.
  static let sharedMargin = 0.25
  private static let gain = 2.0
  /// Weight of a measurement that is above and below the present estimate.
  private static let rise = 0.5
  private static let fall = 0.125
  private static let minimumSampleSeconds = 0.005
  private static let minimumSampleBlocks = 4

  /// Requests that the peer takes, as it said.
  var peerLimit: Int
  /// Our own limit.
  var limit: Int
  /// Whether the peer let requests lie: one at a time then. The torrent sets and clears it.
  var isSnubbed = false
  /// Whether several other peers deliver as well. The torrent sets it.
  var isOneOfSeveral = false
  /// Bytes a second while something was requested, smoothed; 0 before the first measurement.
  private(set) var rate = 0.0
  /// The shortest time from a request to its block, in seconds; `nil` before the first.
  private(set) var roundTrip: Double?

  private var lastArrival: Instant?
  private var sampleBytes = 0
  private var sampleBlocks = 0
  private var sampleSeconds = 0.0

  /// A window for a peer of which nothing is known yet.
  init(peerLimit: Int = RequestWindow.usualPeerLimit, limit: Int = 512) {
    self.peerLimit = peerLimit
    self.limit = limit
  }

  /// Blocks to have requested at once. O(1).
  var depth: Int {
    guard !isSnubbed else { return 1 }
    let most = max(min(peerLimit, limit), 1)
    guard let roundTrip, rate > 0 else { return min(Self.initial, most) }
    let margin = isOneOfSeveral ? Self.sharedMargin : Self.margin
    let blocks = Self.gain * rate * (roundTrip + margin) / Double(Block.size)
    return min(max(Int(min(blocks, 1e6).rounded(.up)), Self.minimum), most)
  }

  /// A block of `bytes` that was requested at `requested` came at `now`. O(1), no allocation.
  mutating func received(_ bytes: Int, requested: Instant, now: Instant) {
    let seconds = max(now.seconds(since: requested), 0)
    roundTrip = min(roundTrip ?? seconds, seconds)
    // Time in which nothing was asked for is not the peer's.
    let from = max(lastArrival ?? requested, requested)
    sampleSeconds += max(now.seconds(since: from), 0)
    lastArrival = now
    sampleBytes += bytes
    sampleBlocks += 1
    let isEnough =
      sampleSeconds >= 1
      || (sampleSeconds >= max(Self.minimumSampleSeconds, roundTrip ?? 0)
        && sampleBlocks >= Self.minimumSampleBlocks)
    guard isEnough else { return }
    let sample = Double(sampleBytes) / sampleSeconds
    // What a longer time says counts for more.
    let weight = min(max(sampleSeconds * 4, 1) * (sample > rate ? Self.rise : Self.fall), 1)
    rate = rate == 0 ? sample : rate + (sample - rate) * weight
    (sampleBytes, sampleBlocks, sampleSeconds) = (0, 0, 0)
  }
}
