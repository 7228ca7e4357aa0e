import Bytes
internal import CCurl
public import EventLoop

/// Who gets the bytes of an answer as they come.
public protocol HTTPStreamReceiver: AnyObject {
  /// `bytes` of the body came, whatever the status; `Transfer.head` tells that. Called on the client's loop.
  func received(_ transfer: Transfer, _ bytes: RawSpan, on loop: isolated Loop)
  /// The answer is here to its end, or there was an `error`; called once, on the client's loop.
  func ended(_ transfer: Transfer, _ error: HTTPError?, on loop: isolated Loop)
}

/// Bounds of a request whose answer is handed on as it comes; times in seconds.
public struct HTTPStreamLimits: Sendable {
  /// For each connection to come up.
  public var connectTimeout = 10.0
  /// Without a byte, while the transfer is not paused.
  public var stallTimeout = 30.0
  /// Redirects that are followed.
  public var maximumRedirects = 5

  /// The defaults.
  public init() {}
}

/// What an answer says of itself, after redirects.
public struct HTTPHead: Sendable, Equatable {
  /// The status code; 0 if there was no answer.
  public let status: Int
  /// Bytes of body that it promises.
  public let contentLength: Int64?
  /// Which part of the whole it is.
  public let contentRange: ContentRange?
  /// Seconds for which the server wants to be left alone.
  public let retryAfter: Double?
}

extension Transfer {
  /// Bytes that wait for their receiver; when there are as many, libcurl is not let read more.
  static let maximumWaiting = 256 << 10

  /// Lets no bytes come until `resume`, but for those that are here. The server is held back by TCP.
  public func pause() { isPaused = true }

  /// Lets bytes come again.
  public func resume(on loop: isolated Loop) {
    guard isPaused else { return }
    isPaused = false
    goOn(on: loop)
  }

  /// Hands on what has come.
  func deliver(on loop: isolated Loop) {
    guard let stream, !body.isEmpty else { return }
    var bytes: [UInt8] = []
    swap(&bytes, &body)
    stream.received(self, bytes.rawBytes, on: loop)
    if body.isEmpty {
      bytes.removeAll(keepingCapacity: true)
      body = bytes
    }
    goOn(on: loop)
  }

  private func goOn(on loop: isolated Loop) {
    guard isHeld, !isPaused, stream != nil else { return }
    isHeld = false
    client?.resume(self, on: loop)
  }
}
