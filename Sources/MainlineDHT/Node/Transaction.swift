import Addresses
import Bytes

/// A query that waits for its response.
struct Transaction: Sendable {
  enum Purpose: Sendable {
    /// A step of a search; the index is the candidate's.
    case search(RequestID, Int)
    /// The last step of a search: an announce or a put.
    case store(RequestID)
    /// Whether a node is (still) there: one of the table, or one that might be taken in.
    case ping
    /// Whether what goes to somebody who asks something arrives there. As short as can be.
    case proof
    /// Asked for by the owner.
    case direct(RequestID)
  }

  let endpoint: Endpoint
  /// Who should answer, if that is known.
  let id: NodeID?
  let sentAt: Double
  let purpose: Purpose
}

/// The queries that wait for responses. They are all given up after the same time, so a queue keeps their
/// order. A response counts only with the random number of its query and from the address that was asked.
struct TransactionTable: Sendable {
  private var waiting: [UInt32: Transaction] = [:]
  /// Numbers in the order of sending. Those before `late` are slow, those before `gone` have been seen to.
  private var queue: [UInt32] = []
  private var late = 0
  private var gone = 0

  var count: Int { waiting.count }

  /// Whether an answer from there is awaited. O(n).
  func isWaiting(for endpoint: Endpoint) -> Bool { waiting.values.contains { $0.endpoint == endpoint } }

  mutating func add(_ transaction: Transaction, _ random: () -> UInt64) -> UInt32 {
    var number = UInt32(truncatingIfNeeded: random())
    while waiting[number] != nil { number = UInt32(truncatingIfNeeded: random()) }
    waiting[number] = transaction
    queue.append(number)
    return number
  }

  /// Takes out the query that a response with this transaction id from there belongs to.
  mutating func take(_ transaction: [UInt8], from endpoint: Endpoint) -> Transaction? {
    guard transaction.count == 4 else { return nil }
    let number = transaction.rawBytes.bigEndian(UInt32.self, at: 0)
    guard let found = waiting[number], found.endpoint == endpoint else { return nil }
    waiting[number] = nil
    return found
  }

  /// Queries that have become slow since the last call: sent so many seconds ago. Computed as `deadline` is, so
  /// that no rounding makes that come again and again.
  mutating func slow(after seconds: Double, now: Double) -> [Transaction] {
    var found: [Transaction] = []
    while late < queue.count {
      if let transaction = waiting[queue[late]] {
        guard transaction.sentAt + seconds <= now else { break }
        found.append(transaction)
      }
      late += 1
    }
    return found
  }

  /// Takes out the queries sent so many seconds ago.
  mutating func expired(after seconds: Double, now: Double) -> [Transaction] {
    var found: [Transaction] = []
    while gone < late {
      if let transaction = waiting[queue[gone]] {
        guard transaction.sentAt + seconds <= now else { break }
        waiting[queue[gone]] = nil
        found.append(transaction)
      }
      gone += 1
    }
    if gone == queue.count {
      queue = []
      (late, gone) = (0, 0)
    } else if gone > 1024 {
      queue.removeFirst(gone)
      (late, gone) = (late - gone, 0)
    }
    return found
  }

  /// When `slow` or `expired` has something to find; infinite if nothing waits.
  func deadline(slowAfter: Double, timeout: Double) -> Double {
    var deadline = Double.infinity
    if let number = queue[late...].first(where: { waiting[$0] != nil }), let next = waiting[number] {
      deadline = next.sentAt + slowAfter
    }
    if let number = queue[gone..<late].first(where: { waiting[$0] != nil }), let next = waiting[number] {
      deadline = min(deadline, next.sentAt + timeout)
    }
    return deadline
  }
}
