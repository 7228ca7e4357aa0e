import Addresses
internal import CMicrohttpd

/// A running libmicrohttpd daemon: one listening endpoint with its threads, or a thread that serves connections
/// which something else has accepted.
///
/// Unchecked `Sendable`: the library's functions on a daemon may be called from any thread.
@safe
final class DaemonReference: @unchecked Sendable {
  private let daemon: OpaquePointer
  private let context: ServerContext

  /// `nil` with `errno` set if the endpoint cannot be listened on, or with 0 if the identity is none. Without an
  /// endpoint it listens nowhere.
  init?(_ endpoint: Endpoint?, _ context: ServerContext, identity: TLSIdentity? = nil) {
    self.context = context
    var options = unsafe apus_mhd_options()
    unsafe options.threads = UInt32(max(1, context.options.threads))
    unsafe options.connections = UInt32(context.options.maximumConnections)
    unsafe options.connections_per_address = UInt32(context.options.maximumConnectionsPerAddress)
    unsafe options.idle_seconds = UInt32(context.options.idleTimeout)
    unsafe options.connection_memory = context.options.connectionMemory
    unsafe options.context = Unmanaged.passUnretained(context).toOpaque()
    unsafe options.begin = { context, target, connection in
      guard let context = unsafe ServerContext.from(context), let target = unsafe target else { return nil }
      context.deadlines.requested(UInt(bitPattern: connection))
      let bytes = unsafe UnsafeBufferPointer(start: target, count: strlen(target))
      return unsafe bytes.withMemoryRebound(to: UInt8.self) { bytes in
        unsafe Unmanaged.passRetained(Exchange(bytes)).toOpaque()
      }
    }
    unsafe options.handler = { context, connection, _, method, _, upload, uploadSize, reference in
      guard let context = unsafe ServerContext.from(context),
        let exchange = unsafe Exchange.from(reference?.pointee),
        let connection = unsafe connection, let method = unsafe method, let uploadSize = unsafe uploadSize
      else { return apus_mhd_no }
      if !exchange.isHeaderComplete {
        exchange.isHeaderComplete = true
        return apus_mhd_yes
      }
      let count = unsafe uploadSize.pointee
      guard count > 0 else {
        context.deadlines.answering(UInt(bitPattern: connection))
        return unsafe context.answer(exchange, String(cString: method), connection)
      }
      guard exchange.body.count + count <= context.options.maximumBody else { return apus_mhd_no }
      unsafe exchange.body.append(contentsOf: UnsafeRawBufferPointer(start: upload, count: count))
      unsafe uploadSize.pointee = 0
      return apus_mhd_yes
    }
    unsafe options.end = { context, connection, reference, _ in
      if let opaque = unsafe reference?.pointee {
        unsafe Unmanaged<Exchange>.fromOpaque(opaque).release()
        unsafe reference?.pointee = nil
      }
      unsafe ServerContext.from(context)?.deadlines.answered(UInt(bitPattern: connection))
    }
    unsafe options.connection = { context, connection, _, event in
      guard let deadlines = unsafe ServerContext.from(context)?.deadlines else { return }
      let key = UInt(bitPattern: connection)
      if apus_mhd_is_start(event) != 0 {
        unsafe deadlines.opened(key, descriptor: apus_mhd_descriptor(connection))
      } else {
        deadlines.closed(key)
      }
    }
    let address = endpoint?.address.bytes ?? []
    let daemon =
      if let identity {
        unsafe identity.key.withCString { key in
          unsafe identity.certificates.withCString { certificates in
            unsafe options.tls_key = key
            unsafe options.tls_certificates = certificates
            return unsafe apus_mhd_start(address, address.count, endpoint?.port ?? 0, &options)
          }
        }
      } else {
        unsafe apus_mhd_start(address, address.count, endpoint?.port ?? 0, &options)
      }
    guard let daemon = unsafe daemon else { return nil }
    unsafe self.daemon = daemon
  }

  var port: UInt16 { unsafe apus_mhd_port(daemon) }

  /// Connections that it serves.
  var connections: Int { unsafe Int(apus_mhd_connections(daemon)) }

  /// Serves a connection, whose descriptor is the daemon's from now on; false if it was closed instead.
  func adopt(_ descriptor: Int32, from remote: Endpoint) -> Bool {
    let address = remote.address.bytes
    return unsafe apus_mhd_adopt(daemon, descriptor, address, address.count, remote.port) != 0
  }

  /// Closes the endpoint and its connections; waits for the threads. Call once.
  func stop() { unsafe MHD_stop_daemon(daemon) }
}
