import Bytes
import FuzzDriver
import UTP

/// The first byte chooses: one packet, or a script that two sockets are put through.
@main
enum FuzzUTP {
  static func main() {
    let code = fuzz { start, count in
      var script = Script(bytes(start, count))
      if (script.byte() ?? 0) % 2 == 0 {
        FuzzUTP.packet(script.remainder())
      } else {
        var exchange = Exchange()
        exchange.run(&script)
      }
      return 0
    }
    precondition(code == 0)
  }

  /// What is read from a packet lies in it, and its header is the bytes that it was read from.
  static func packet(_ input: [UInt8]) {
    guard let packet = UTPPacket(input.rawBytes) else { return }
    precondition(UTPPacket.isPrefix(input.rawBytes))
    precondition(packet.selective.isEmpty || packet.selective.lowerBound >= 22)
    precondition(packet.selective.upperBound <= max(packet.payload.lowerBound, 0))
    precondition(packet.payload.lowerBound >= 20 && packet.payload.upperBound <= input.count)
    var again = [UInt8](repeating: 0, count: 20)
    again.withUnsafeMutableBytes { packet.header.write(to: $0, extension: input[1]) }
    precondition(again == Array(input[..<20]))
  }
}
