import EventLoop

/// The limits of one class of peers on a loop: a limiter for each way, and one for what is asked for.
final class RateClass {
  /// Blocks on their way out.
  let uploads = RateLimiter<PeerConnection>()
  /// Blocks that are asked for: what sets the rate of a download.
  let requests = RateLimiter<PeerConnection>()
  /// Blocks that come in. More lenient than `requests`, for blocks that come late and all at once; it
  /// makes those wait who send what was not asked for.
  let arrivals = RateLimiter<PeerConnection>(burstSeconds: 0.5, startsFull: true)

  /// Sets what all torrents of the loop share.
  func set(_ limits: RateLimits, now: Instant) {
    uploads.setLimit(limits.upload, now: now)
    requests.setLimit(limits.download, now: now)
    arrivals.setLimit(limits.download, now: now)
  }

  /// Takes what all loops share, as it is set now.
  func set(_ shared: SharedLimits.Class, loop: Int, now: Instant) {
    uploads.setLimit(shared.uploads, loop: loop, now: now)
    requests.setLimit(shared.requests, loop: loop, now: now)
    arrivals.setLimit(shared.arrivals, loop: loop, now: now)
  }

  /// Somebody has joined a line: tells the other loops.
  func announce(now: Instant) {
    uploads.announce(now: now)
    requests.announce(now: now)
    arrivals.announce(now: now)
  }

  /// Gives back what other loops may have.
  func settle(now: Instant) {
    uploads.settle(now: now)
    requests.settle(now: now)
    arrivals.settle(now: now)
  }

  /// What a torrent with limits of its own gets of it.
  func shares(_ limits: RateLimits, now: Instant) -> RateShares {
    RateShares(
      uploads: uploads.share(limit: limits.upload, now: now),
      requests: requests.share(limit: limits.download, now: now),
      arrivals: arrivals.share(limit: limits.download, now: now))
  }

  var isWaitedFor: Bool { uploads.isWaitedFor || requests.isWaitedFor || arrivals.isWaitedFor }

  /// Seconds until somebody can have a turn.
  var delay: Double {
    [uploads, requests, arrivals].lazy.filter(\.isWaitedFor).map(\.delay).min() ?? .infinity
  }

  func emptyLines() {
    uploads.emptyLine()
    requests.emptyLine()
    arrivals.emptyLine()
  }
}

/// What a torrent's peers of one class share; each `nil` if nothing limits it.
struct RateShares {
  var uploads: RateShare<PeerConnection>?
  var requests: RateShare<PeerConnection>?
  var arrivals: RateShare<PeerConnection>?

  var isEmpty: Bool { uploads == nil && requests == nil && arrivals == nil }
}

/// The limits that a peer is under, and what it waits for.
struct PeerRates {
  var shares = RateShares()
  var waitsToUpload = false
  var waitsToRequest = false
  var waitsToRead = false
}
