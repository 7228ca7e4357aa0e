import EventLoop
import Synchronization

/// Why bytes of a file could not be read.
public enum ReadError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The torrent has no file with that number, or it is padding or a link.
  case noSuchFile(Int)
  /// The range reaches beyond the file.
  case outOfRange(length: Int64)
  /// More than `TorrentHandle.maximumRead` at once.
  case tooLong
  /// The file is not wanted, so that the bytes would never come.
  case unwanted
  /// The torrent has stopped, or was removed.
  case stopped(reason: String)
  /// The task that waited was cancelled.
  case cancelled
  /// The bytes are there but could not be read.
  case storage(String)

  /// What is wrong, in words.
  public var description: String {
    switch self {
    case .noSuchFile(let file): "the torrent has no file \(file) with content"
    case .outOfRange(let length): "the range reaches beyond the file's \(length) bytes"
    case .tooLong: "at most \(TorrentHandle.maximumRead) bytes can be read at once"
    case .unwanted: "the file is not wanted"
    case .stopped(let reason): "the torrent has stopped: \(reason)"
    case .cancelled: "the read was cancelled"
    case .storage(let reason): reason
    }
  }
}

/// One call that waits for bytes of a file. It ends once, from whatever side.
final class FileRead: Sendable {
  typealias Outcome = Result<[UInt8], ReadError>

  private enum State {
    case pending
    case awaited(CheckedContinuation<Outcome, Never>)
    case over(Outcome)
  }

  let file: Int
  let range: Range<Int64>
  let since: Instant
  private let state = Mutex(State.pending)

  init(file: Int, range: Range<Int64>, since: Instant) {
    self.file = file
    self.range = range
    self.since = since
  }

  /// Whether there is a result, or nobody waits any more.
  var isOver: Bool {
    state.withLock { state in
      if case .over = state { true } else { false }
    }
  }

  /// The result, unless there is one already.
  func end(_ outcome: Outcome) {
    let waiting = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
      switch state {
      case .over: return nil
      case .pending:
        state = .over(outcome)
        return nil
      case .awaited(let continuation):
        state = .over(.failure(.cancelled))
        return continuation
      }
    }
    waiting?.resume(returning: outcome)
  }

  /// Waits for the result; called once.
  func outcome() async -> Outcome {
    await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
        let early = state.withLock { state -> Outcome? in
          if case .over(let outcome) = state { return outcome }
          state = .awaited(continuation)
          return nil
        }
        if let early { continuation.resume(returning: early) }
      }
    } onCancel: {
      end(.failure(.cancelled))
    }
  }
}
