import Addresses
import CSystem
import Glibc

extension Examination {
  /// Whether each address can be listened on, over TCP and UDP.
  func ports() -> [Finding] {
    endpoints.flatMap { endpoint in
      ["TCP", "UDP"].map { name in
        let subject = "port"
        let address = endpoint.address.bytes
        let code = unsafe apus_can_listen(address, address.count, endpoint.port, name == "UDP" ? 1 : 0)
        guard code != 0 else { return Finding(subject, .good, "\(endpoint) is free over \(name)") }
        return Finding(
          subject, .bad, "\(endpoint) cannot be listened on over \(name): \(Process.message(code))",
          remedy: Self.remedy(endpoint, code, name))
      }
    }
  }

  private static func remedy(_ endpoint: Endpoint, _ code: Int32, _ name: String) -> String {
    switch code {
    case EADDRINUSE:
      "if that is not this tracker, see who has it: ss -\(name == "TCP" ? "t" : "u")lpn sport = :\(endpoint.port)"
    case EACCES:
      "ports below 1024 need root with --user, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit"
    case EADDRNOTAVAIL: "give an address of this machine: ip address"
    case EAFNOSUPPORT: "this machine has no IPv6: listen on IPv4 only, --listen 0.0.0.0:\(endpoint.port)"
    default: "choose another with --listen"
    }
  }

  /// What the DNS says of the host: its addresses, and where its trackers are (BEP 34).
  func host(_ name: String) -> [Finding] {
    [addresses(of: name), record(of: name)]
  }

  private func addresses(of name: String) -> Finding {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(name, nil, &hints, &list)
    guard code == 0 else {
      return Finding(
        "host", .bad, unsafe "\(name) has no address: \(String(cString: gai_strerror(code)))",
        remedy: "add A and AAAA records for \(name) where its domain is looked after")
    }
    defer { unsafe freeaddrinfo(list) }
    var families = Set<Int32>()
    var next = unsafe list
    while let entry = unsafe next {
      unsafe families.insert(entry.pointee.ai_family)
      unsafe next = entry.pointee.ai_next
    }
    let names = (families.contains(AF_INET) ? ["IPv4"] : []) + (families.contains(AF_INET6) ? ["IPv6"] : [])
    guard names.count == 2 else {
      return Finding(
        "host", .poor, "\(name) has addresses of \(names.joined()) only",
        remedy:
          "add an \(families.contains(AF_INET) ? "AAAA" : "A") record, if the machine has such an address")
    }
    return Finding("host", .good, "\(name) has addresses of IPv4 and IPv6")
  }

  private func record(of name: String) -> Finding {
    let wanted = TrackerRecord.text(ports: Array(Set(endpoints.map(\.port))).sorted())
    let remedy = "publish this record, so that clients find the port: \(name). IN TXT \"\(wanted)\""
    var answer = [UInt8](repeating: 0, count: 1 << 16)
    var cause: Int32 = 0
    let count = unsafe apus_ask_for_texts(name, &answer, answer.count, &cause)
    guard count >= 0 else {
      // 1: no such host, 4: the host has no such record.
      guard cause == 1 || cause == 4 else {
        return Finding("BEP 34", .unknown, "the name servers do not answer", remedy: remedy)
      }
      return Finding("BEP 34", .poor, "\(name) has no record of its trackers", remedy: remedy)
    }
    let texts = TextRecords.texts(Array(answer[..<count]))
    return Self.judge(
      texts.lazy.compactMap(TrackerRecord.init).first, name, ports: endpoints.map(\.port), remedy)
  }

  /// What to say of a record, given the ports that are listened on.
  static func judge(
    _ record: TrackerRecord?, _ name: String, ports: [UInt16], _ remedy: String
  ) -> Finding {
    switch record {
    case nil: return Finding("BEP 34", .poor, "\(name) has no record of its trackers", remedy: remedy)
    case .denied:
      return Finding("BEP 34", .bad, "\(name) says that it has no tracker: clients stay away", remedy: remedy)
    case .ports(let listed):
      let missing = Set(ports).subtracting(listed.map(\.port))
      let wrong = Set(listed.map(\.port)).subtracting(ports)
      guard missing.isEmpty, wrong.isEmpty else {
        let shown = wrong.isEmpty ? missing : wrong
        let text =
          wrong.isEmpty
          ? "the record of \(name) lacks port \(shown.sorted().map(String.init).joined(separator: ", "))"
          : "the record of \(name) names port \(shown.sorted().map(String.init).joined(separator: ", ")), "
            + "where nothing listens"
        return Finding("BEP 34", .poor, text, remedy: remedy)
      }
      return Finding("BEP 34", .good, "the record of \(name) names the ports that are listened on")
    }
  }
}
