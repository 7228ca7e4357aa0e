import Foundation

/// Polls `condition` until it is true; throws a ``TestFailure`` that names `what` after `limit`.
///
/// The task sleeps between polls, so that tests that wait for other processes cost no thread.
public func eventually(
  _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(20),
  _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + limit
  while try await !condition() {
    if ContinuousClock.now > end { throw TestFailure("\(what): not within \(limit)") }
    try await Task.sleep(for: pause)
  }
}

/// Runs blocking code on a thread of its own, so that it never holds one of the test runner's threads.
public func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result
{
  try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
    thread.stackSize = 1 << 20
    thread.start()
  }
}
