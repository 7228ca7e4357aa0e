import Addresses

/// How many queries are answered: a token bucket for all and one an address, so that nobody makes this node
/// work, or send to somebody else, without end. Bounded: the address that was quiet for longest is forgotten.
struct AnswerLimiter: Sendable {
  /// Queries a second and at once, of all and of one address.
  struct Limits: Sendable {
    var all = (rate: 1000.0, burst: 2000.0)
    var one = (rate: 10.0, burst: 50.0)
    var addresses = 4096
  }

  private struct Budget {
    var tokens: Double
    var updated: Double

    mutating func take(_ limit: (rate: Double, burst: Double), _ now: Double) -> Bool {
      tokens = min(limit.burst, tokens + max(0, now - updated) * limit.rate)
      updated = now
      guard tokens >= 1 else { return false }
      tokens -= 1
      return true
    }
  }

  private let limits: Limits
  private var all: Budget
  private var addresses: [Endpoint: Budget] = [:]

  init(_ limits: Limits = Limits(), now: Double) {
    self.limits = limits
    all = Budget(tokens: limits.all.burst, updated: now)
  }

  /// Whether a query from there is answered.
  mutating func allows(_ endpoint: Endpoint, now: Double) -> Bool {
    // On one machine or network many nodes may share an address; strangers have ports to waste.
    let key = endpoint.address.isLocal ? endpoint : Endpoint(endpoint.address.quotaKey, port: 0)
    var budget = addresses[key] ?? Budget(tokens: limits.one.burst, updated: now)
    let isAllowed = budget.take(limits.one, now)
    if addresses[key] == nil, addresses.count >= limits.addresses { forget(now: now) }
    addresses[key] = budget
    return isAllowed && all.take(limits.all, now)
  }

  /// Forgets addresses whose budget is full again; if that are too few, the older half.
  private mutating func forget(now: Double) {
    let full = limits.one.burst / limits.one.rate
    addresses = addresses.filter { now - $0.value.updated < full }
    guard addresses.count >= limits.addresses else { return }
    let times = addresses.values.map(\.updated).sorted()
    let middle = times[times.count / 2]
    addresses = addresses.filter { $0.value.updated > middle }
  }
}
