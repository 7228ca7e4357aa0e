import TrackerProtocol
import Transfer

/// Why a tracker has no answer, for people, and when it wants to be asked again.
struct TrackerRefusal: Error {
  let reason: String
  var retryIn: RetryIn?
  /// The tracker has no address of the family that it was asked over.
  var isElsewhere = false
  /// Whether the tracker said anything at all.
  var isFromTracker = false

  init(_ fault: TrackerFault) {
    self.init(reason: fault.description)
    if case .refused(let reason, let retryIn) = fault {
      self = TrackerRefusal(reason: reason, retryIn: retryIn)
    }
    isFromTracker = fault != .unanswered
  }

  init(reason: String, retryIn: RetryIn? = nil, isElsewhere: Bool = false) {
    self.reason = reason
    self.retryIn = retryIn
    self.isElsewhere = isElsewhere
  }

  private init(_ error: HTTPError) {
    self.init(reason: "\(error)")
    if case .cannotResolve = error { isElsewhere = true }
  }

  /// Reads what came over HTTP.
  static func read<Reply>(
    _ result: Result<HTTPReply, HTTPError>, _ parse: ([UInt8]) throws(TrackerFault) -> Reply
  ) -> Result<Reply, TrackerRefusal> {
    switch result {
    case .failure(let error): return .failure(TrackerRefusal(error))
    case .success(let reply):
      do throws(TrackerFault) {
        return .success(try parse(reply.body))
      } catch {
        // An error page says less than the status that it came with.
        if case .malformed = error, reply.status != 200 {
          var refusal = TrackerRefusal(reason: "HTTP status \(reply.status)")
          refusal.isFromTracker = true
          return .failure(refusal)
        }
        return .failure(TrackerRefusal(error))
      }
    }
  }
}
