import Addresses
internal import CCurl
import EventLoop

// The sockets of a request: made by us, so that nothing is connected to that may not be.
extension Transfer {
  /// Has libcurl ask for its sockets, if there is anything to be said about them. The client outlives it.
  func open(with client: HTTPClient) {
    guard client.options.streamsTo != nil || client.options.binding != nil else { return }
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe apus_curl_set_opener(
      easy,
      { context, _, address in
        guard let address = unsafe address, let transfer = unsafe Transfer.from(context) else {
          return CURL_SOCKET_BAD
        }
        return unsafe transfer.socket(to: address)
      }, context)
  }

  /// A socket for a connection there; `CURL_SOCKET_BAD` if it may not be.
  private func socket(to place: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    var count: Int32 = 0
    guard let start = unsafe apus_curl_address(place, &count) else { return CURL_SOCKET_BAD }
    let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: start, count: Int(count)))
    let address = IPAddress(bytes, at: 0, isV6: count == 16)
    if stream != nil, let streamsTo = client?.options.streamsTo, !streamsTo(address) {
      isBlocked = true
      return CURL_SOCKET_BAD
    }
    return (try? TCP.socket(to: address, through: client?.options.binding)) ?? CURL_SOCKET_BAD
  }
}
