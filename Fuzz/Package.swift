// swift-tools-version: 6.2
import PackageDescription

// Fuzz targets for every parser of outside bytes, by libFuzzer. A package of its own, so that users of the
// library never see it. Built and run by scripts/fuzz.

let targets = [
  "FuzzBencode",
  "FuzzBlocklist",
  "FuzzConfiguration",
  "FuzzContentRange",
  "FuzzDHTMessage",
  "FuzzDHTNode",
  "FuzzEncryption",
  "FuzzHTTP",
  "FuzzHolePunch",
  "FuzzLocalDiscovery",
  "FuzzMagnet",
  "FuzzMetadata",
  "FuzzMetainfo",
  "FuzzPeerExchange",
  "FuzzPeerWire",
  "FuzzTrackerExtensions",
  "FuzzTrackerQuery",
  "FuzzTrackerReply",
  "FuzzTrackerSnapshot",
  "FuzzUDPServer",
  "FuzzUDPTracker",
  "FuzzUTP",
]

let rooms: [Target.Dependency] = [
  "Bencode",
  "Blocklist",
  "Configuration",
  "Encryption",
  "HTTPParsing",
  "MainlineDHT",
  "Metainfo",
  "PeerProtocol",
  "TrackerProtocol",
  "TrackerServer",
  "Transfer",
  "UTP",
].map {
  .product(name: $0, package: "apus")
}

// gold cannot link the runtime.
let linking: [LinkerSetting] = [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]

let package = Package(
  name: "fuzz",
  dependencies: [.package(name: "apus", path: "..")],
  targets: [
    .target(name: "FuzzDriver"),
    .executableTarget(name: "FuzzSeeds", dependencies: rooms, linkerSettings: linking),
  ]
    + targets.map {
      .executableTarget(name: $0, dependencies: ["FuzzDriver"] + rooms, linkerSettings: linking)
    }
)
