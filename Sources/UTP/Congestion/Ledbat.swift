/// How many bytes may be under way (RFC 6817, with the corrections of LEDBAT++): grows while packets wait less
/// than the target in queues, shrinks in proportion when they wait longer, so that the stream makes way
/// for everybody else and still fills an idle link.
struct Ledbat {
  /// Bytes that may be under way.
  private(set) var window: Double
  /// Below that the window may grow fast again.
  private var threshold = Double.infinity
  private(set) var isStarting = true
  /// Back to where it was before a pause.
  private var isReturning = false
  /// The last delays in queues; the least of them counts, because single packets are late for other reasons.
  private var recent: (Int, Int, Int, Int) = (.max, .max, .max, .max)

  // Now and then the window is almost closed for a round trip: a stream that began while the queue of
  // another was standing takes that for the length of the way, and would put its own on top.
  private var pausesUntil: UInt64?
  private var queueIsShortSince: UInt64 = 0
  /// Drawn anew for each pause, so that streams do not pause together.
  private var pauseAfter: UInt64

  private static let target = UTP.targetDelay

  /// `jitter` is any number; equal ones make streams that pause at the same time.
  init(packet: Int, jitter: UInt64) {
    window = Double(8 * packet)
    pauseAfter = 8_000_000 + jitter % 8_000_000
  }

  /// The delay in queues now, µs.
  var queueing: Int { min(min(recent.0, recent.1), min(recent.2, recent.3)) }

  /// A delay in queues was measured, µs.
  mutating func measured(_ delay: Int, now: UInt64) {
    recent = (delay, recent.0, recent.1, recent.2)
    if delay < Self.target / 4 { queueIsShortSince = now }
  }

  /// Bytes have arrived. `wasLimited`: more would have been sent if the window were larger.
  mutating func acknowledged(_ bytes: Int, packet: Int, wasLimited: Bool, _ trip: RoundTrip, now: UInt64) {
    if pause(packet: packet, trip, now: now) { return }
    let queueing = queueing == .max ? 0 : queueing
    let bytes = Double(bytes)
    if isStarting, queueing > (isReturning ? Self.target : Self.target / 2) || window >= threshold {
      isStarting = false
      isReturning = false
    }
    if isStarting {
      // Doubling would have filled the queue twice over before the first delay is heard of.
      if wasLimited { window += queueing > Self.target / 8 && !isReturning ? bytes / 4 : bytes }
    } else {
      // Always the same more, and less in proportion: so that streams which share a queue become alike. The
      // square makes small errors in what they take for the empty way matter little. Far from the target no more than TCP would.
      let packets = queueing > Self.target * 9 / 10 ? 3 : 1
      if wasLimited { window += bytes * Double(packets * packet) / max(window, 1) }
      let excess = Double(queueing - Self.target) / Double(Self.target)
      if excess > 0 { window -= bytes * min(8 * excess * excess, 0.5) }
    }
    window = max(window, Double(2 * packet))
  }

  /// A packet was lost; called once for all that were lost in one round trip.
  mutating func lost(packet: Int) {
    window = max(window / 2, Double(2 * packet))
    threshold = window
    isStarting = false
    isReturning = false
    pausesUntil = nil
  }

  /// What was taken for lost has arrived after all.
  mutating func wasNotLost(before: Double) {
    window = max(window, before)
    threshold = window
  }

  /// Nothing came for long.
  mutating func timedOut(packet: Int) {
    threshold = max(window / 2, Double(2 * packet))
    window = Double(packet)
    isStarting = true
    isReturning = false
    pausesUntil = nil
  }

  /// Nothing was sent for long: what is known of the path is old.
  mutating func idle(packet: Int) {
    guard window > Double(8 * packet) else { return }
    threshold = min(threshold, window)
    window = Double(8 * packet)
    isStarting = true
  }

  /// Sees to the pauses. True while one lasts.
  private mutating func pause(packet: Int, _ trip: RoundTrip, now: UInt64) -> Bool {
    if let until = pausesUntil {
      guard now >= until else { return true }
      pausesUntil = nil
      isStarting = true
      isReturning = true
      queueIsShortSince = now
      return false
    }
    guard now > queueIsShortSince + pauseAfter, trip.isMeasured, trip.least < trip.mean else { return false }
    threshold = window
    let empty = Double(trip.least) / Double(trip.mean)
    window = max(Double(2 * packet), window * min(0.125, empty / 2))
    pausesUntil = now + trip.mean + trip.least
    pauseAfter = 8_000_000 + (pauseAfter &* 2_862_933_555_777_941_757 &+ 3_037_000_493) % 8_000_000
    return true
  }
}
