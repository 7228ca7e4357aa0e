internal import Addresses
internal import CCurl
public import EventLoop

/// An HTTP and HTTPS client for many requests at once; connections are kept and used again.
///
/// Confined to its loop. Close it before letting go of it.
@safe
public final class HTTPClient {
  let options: HTTPClientOptions
  private let multi: UnsafeMutableRawPointer
  /// By the address of libcurl's handle.
  private var transfers: [UInt: Transfer] = [:]
  private var watchers: [Int32: SocketWatcher] = [:]
  /// Sockets that libcurl wants watched, but that have no watcher yet.
  private var wanted: [Int32: Readiness] = [:]
  private var timer: LoopTimer?
  /// Transfers that bytes came for which their receivers have not been given.
  private var arrived: [Transfer] = []
  private var isSettling = false
  /// When everything was interrupted last: connections from before are of no use.
  private var interrupted: Instant?

  /// A client without connections.
  public init(on loop: isolated Loop, options: HTTPClientOptions = HTTPClientOptions()) {
    self.options = options
    precondition(Self.isInitialized, "libcurl cannot be initialised")
    guard let multi = unsafe curl_multi_init() else { fatalError("out of memory") }
    unsafe self.multi = multi
    unsafe apus_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.maximumConnections)
    unsafe apus_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, options.maximumIdleConnections)
    // The timer fires on this same loop: nothing is sent anywhere.
    nonisolated(unsafe) weak let client = self
    timer = loop.timer { loop in unsafe client?.act(-1, 0, on: loop) }
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe apus_curl_multi_watch(
      multi,
      { _, socket, what, context, _ in
        unsafe HTTPClient.from(context)?.watch(socket, what)
        return 0
      },
      { _, milliseconds, context in
        unsafe HTTPClient.from(context)?.setTimer(milliseconds)
        return 0
      }, context)
  }

  deinit {
    for transfer in transfers.values { unsafe curl_multi_remove_handle(multi, transfer.easy) }
    unsafe curl_multi_cleanup(multi)
    timer?.close()
  }

  /// libcurl's global state, made once a process.
  private static let isInitialized = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Gets `url`. `then` is called once, later, on the loop, with whatever status the server sent; not
  /// at all after `cancel` of the transfer.
  @discardableResult
  public func get(
    _ url: String, limits: HTTPLimits = HTTPLimits(), on loop: isolated Loop, then: @escaping HTTPCompletion
  ) -> Transfer {
    get(url, limits: limits, on: loop, receiver: CompletionReceiver(then))
  }

  /// Posts `body` to `url`; see `get`.
  @discardableResult
  public func post(
    _ url: String, body: [UInt8], limits: HTTPLimits = HTTPLimits(), on loop: isolated Loop,
    then: @escaping HTTPCompletion
  ) -> Transfer {
    guard let transfer = Transfer(limits, client: self, receiver: CompletionReceiver(then)) else {
      fatalError("out of memory")
    }
    transfer.configure(url, options, youngerThan: age(on: loop))
    transfer.limit()
    transfer.post(body)
    start(transfer, on: loop)
    return transfer
  }

  /// Gets `url`; `receiver`, held until then, is told once, later, on the loop, how it ended, unless
  /// the transfer is cancelled.
  @discardableResult
  public func get(
    _ url: String, limits: HTTPLimits = HTTPLimits(), on loop: isolated Loop, receiver: any HTTPReceiver
  ) -> Transfer {
    guard let transfer = Transfer(limits, client: self, receiver: receiver) else {
      fatalError("out of memory")
    }
    transfer.configure(url, options, youngerThan: age(on: loop))
    transfer.limit()
    start(transfer, on: loop)
    return transfer
  }

  /// Gets `range` of `url`, handing its bytes on as they come; `receiver`, held until then, is told how it
  /// ended, unless the transfer is cancelled. Nothing is decompressed.
  public func stream(
    _ url: String, range: Range<Int64>, limits: HTTPStreamLimits = HTTPStreamLimits(), on loop: isolated Loop,
    receiver: any HTTPStreamReceiver
  ) -> Transfer {
    guard let transfer = Transfer(limits, client: self, receiver: receiver) else {
      fatalError("out of memory")
    }
    transfer.configure(url, options, youngerThan: age(on: loop))
    transfer.configure(range, limits)
    start(transfer, on: loop)
    return transfer
  }

  private func start(_ transfer: Transfer, on loop: isolated Loop) {
    transfers[transfer.id] = transfer
    if let binding = options.binding, !binding.isUp { return refuse(transfer, binding, on: loop) }
    transfer.open(with: self)
    unsafe curl_multi_add_handle(multi, transfer.easy)
    settle(on: loop)
  }

  /// Ends a request that there is no way for, later, as others end.
  private func refuse(_ transfer: Transfer, _ binding: SocketBinding, on loop: isolated Loop) {
    let (me, id, target) = (Confined(self, on: loop), transfer.id, loop as Loop)
    let error = HTTPError.cannotConnect("the interface \(binding.name) is gone")
    target.post { loop in me.value(on: loop).transfers.removeValue(forKey: id)?.fail(error, on: loop) }
  }

  /// Seconds since everything was interrupted.
  private func age(on loop: isolated Loop) -> Int? {
    interrupted.map { max(1, Int(loop.now.seconds(since: $0))) }
  }

  /// The network is gone: every request ends, and connections that are there are not used again.
  public func interrupt(on loop: isolated Loop) {
    interrupted = loop.now
    let ended = Array(transfers.values)
    for transfer in ended { abandon(transfer, on: loop) }
    for transfer in ended { transfer.fail(.cannotConnect("the network is gone"), on: loop) }
  }

  /// Requests that have not ended.
  public var pending: Int { transfers.count }

  /// Ends every request with `HTTPError.closed` and closes all connections. Idempotent.
  public func close(on loop: isolated Loop) {
    let ended = Array(transfers.values)
    for transfer in ended { abandon(transfer, on: loop) }
    timer?.close()
    timer = nil
    for transfer in ended { transfer.fail(.closed, on: loop) }
  }

  func abandon(_ transfer: Transfer, on loop: isolated Loop) {
    guard transfers.removeValue(forKey: transfer.id) != nil else { return }
    unsafe curl_multi_remove_handle(multi, transfer.easy)
    settle(on: loop)
  }

  /// Bytes may come again.
  func resume(_ transfer: Transfer, on loop: isolated Loop) {
    guard transfers[transfer.id] != nil else { return }
    unsafe curl_easy_pause(transfer.easy, CURLPAUSE_CONT)
    settle(on: loop)
  }

  // MARK: Called by libcurl, inside of calls to it

  /// Bytes of a body came, to be handed on once libcurl's call is over.
  func note(_ transfer: Transfer) { arrived.append(transfer) }

  private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPClient? {
    unsafe context.map { unsafe Unmanaged<HTTPClient>.fromOpaque($0).takeUnretainedValue() }
  }

  private func watch(_ socket: Int32, _ what: Int32) {
    let interest: Readiness
    switch what {
    case CURL_POLL_IN: interest = .readable
    case CURL_POLL_OUT: interest = .writable
    case CURL_POLL_INOUT: interest = [.readable, .writable]
    default:
      wanted[socket] = nil
      // At once: libcurl closes the descriptor next.
      watchers.removeValue(forKey: socket)?.close()
      return
    }
    if let watcher = watchers[socket] { watcher.watch(for: interest) } else { wanted[socket] = interest }
  }

  private func setTimer(_ milliseconds: Int) {
    if milliseconds < 0 { timer?.cancel() } else { timer?.set(after: Double(milliseconds) / 1000) }
  }

  // MARK: Called by the loop

  func act(_ socket: Int32, _ events: Int32, on loop: isolated Loop) {
    var running: Int32 = 0
    unsafe curl_multi_socket_action(multi, socket, events, &running)
    settle(on: loop)
  }

  /// Does what a call to libcurl left to do: new watchers, bytes, and completions, which may call back.
  private func settle(on loop: isolated Loop) {
    // Whoever is called back may call again: the outermost call sees to that too.
    guard !isSettling else { return }
    isSettling = true
    defer { isSettling = false }
    repeat {
      for (socket, interest) in wanted {
        guard let watcher = loop.watcher(socket, CurlSocket(socket, self)) else { continue }
        watchers[socket] = watcher
        watcher.watch(for: interest)
      }
      wanted.removeAll(keepingCapacity: true)
      var ended: [(Transfer, CURLcode)] = []
      var code = CURLE_OK
      while let easy = unsafe apus_curl_multi_finished(multi, &code) {
        guard let transfer = transfers.removeValue(forKey: UInt(bitPattern: easy)) else { continue }
        unsafe curl_multi_remove_handle(multi, easy)
        ended.append((transfer, code))
      }
      while let transfer = arrived.popLast() { transfer.deliver(on: loop) }
      for (transfer, code) in ended { transfer.end(code, on: loop) }
    } while !wanted.isEmpty || !arrived.isEmpty
  }
}

private final class CompletionReceiver: HTTPReceiver {
  private let then: HTTPCompletion
  init(_ then: @escaping HTTPCompletion) { self.then = then }
  func ended(_ transfer: Transfer, _ result: Result<HTTPReply, HTTPError>, on loop: isolated Loop) {
    then(loop, result)
  }
}

/// Tells the client which of its sockets is ready.
private final class CurlSocket: ReadinessHandler {
  private let socket: Int32
  private weak var client: HTTPClient?

  init(_ socket: Int32, _ client: HTTPClient) {
    self.socket = socket
    self.client = client
  }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    var mask: Int32 = 0
    if events.contains(.readable) { mask |= CURL_CSELECT_IN }
    if events.contains(.writable) { mask |= CURL_CSELECT_OUT }
    client?.act(socket, mask, on: loop)
  }
}
