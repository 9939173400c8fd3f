// A broadcaster over Pion: one publisher by WHIP, its viewers by WHEP, nothing decoded.
//
// It is what one writes with Pion's defaults: static RTP tracks fan out to peer connections, with the default interceptors (NACK
// both ways with RTX, RTCP reports, transport-wide congestion control feedback, statistics) and a transport-wide sequence number on
// what viewers get. Requests for a key frame go through to the publisher.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// Largest offer.
	offerBytesMax = 1 << 16
	// Shortest time between two key frame requests to the publisher.
	keyFrameRequestInterval = 500 * time.Millisecond
	// How long candidates may be gathered; there are host candidates only.
	gatherMax = 5 * time.Second
)

type broadcaster struct {
	address net.IP
	video   *webrtc.TrackLocalStaticRTP
	audio   *webrtc.TrackLocalStaticRTP

	mutex     sync.Mutex
	publisher *webrtc.PeerConnection
	videoSSRC webrtc.SSRC
	requested time.Time
}

func main() {
	address := flag.String("address", "127.0.0.1", "IP `address` of HTTP and of the candidates")
	ready := flag.String("ready-file", "", "`file` that is written when requests are taken")
	flag.Parse()
	if err := run(*address, *ready); err != nil {
		log.Fatal(err)
	}
}

func run(address, ready string) error {
	ip := net.ParseIP(address)
	if ip == nil {
		return fmt.Errorf("%q is no IP address", address)
	}
	video, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType:    webrtc.MimeTypeH264,
		ClockRate:   90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, "video", "broadcast")
	if err != nil {
		return err
	}
	audio, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{
		MimeType:  webrtc.MimeTypeOpus,
		ClockRate: 48000,
		Channels:  2,
	}, "audio", "broadcast")
	if err != nil {
		return err
	}
	broadcast := &broadcaster{address: ip, video: video, audio: audio}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /whip", broadcast.door(broadcast.publish))
	mux.HandleFunc("POST /whep", broadcast.door(broadcast.watch))
	// Sessions end with their media.
	mux.HandleFunc("DELETE /session", func(http.ResponseWriter, *http.Request) {})
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return err
	}
	if ready != "" {
		facts, err := json.Marshal(map[string]string{"http": "http://" + listener.Addr().String()})
		if err != nil {
			return err
		}
		// By another name first: whoever waits for the file finds it whole.
		if err := os.WriteFile(ready+".new", facts, 0o600); err != nil {
			return err
		}
		if err := os.Rename(ready+".new", ready); err != nil {
			return err
		}
	}
	return http.Serve(listener, mux)
}

// A new peer connection with the default codecs and interceptors.
func (b *broadcaster) connection(sends bool) (*webrtc.PeerConnection, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, registry); err != nil {
		return nil, err
	}
	if sends {
		if err := webrtc.ConfigureTWCCHeaderExtensionSender(media, registry); err != nil {
			return nil, err
		}
	}
	settings := webrtc.SettingEngine{}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(b.address.Equal)
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings),
	)
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateFailed {
			_ = connection.Close()
		}
	})
	return connection, nil
}

// An HTTP handler around what is done with an offer.
func (b *broadcaster) door(open func(offer string) (string, error)) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		offer, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, offerBytesMax))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		answer, err := open(string(offer))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		writer.Header().Set("Content-Type", "application/sdp")
		writer.Header().Set("Location", "/session")
		writer.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(writer, answer)
	}
}

func (b *broadcaster) publish(offer string) (string, error) {
	connection, err := b.connection(false)
	if err != nil {
		return "", err
	}
	connection.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go drain(receiver.Read)
		local := b.audio
		if remote.Kind() == webrtc.RTPCodecTypeVideo {
			local = b.video
			b.mutex.Lock()
			b.videoSSRC = remote.SSRC()
			b.mutex.Unlock()
		}
		forward(remote, local)
	})
	answer, err := answer(connection, offer)
	if err != nil {
		_ = connection.Close()
		return "", err
	}
	b.mutex.Lock()
	b.publisher = connection
	b.mutex.Unlock()
	return answer, nil
}

// Sends what comes to all viewers, without the extensions that belong to the publisher's connection.
func forward(remote *webrtc.TrackRemote, local *webrtc.TrackLocalStaticRTP) {
	buffer := make([]byte, 1500)
	packet := &rtp.Packet{}
	for {
		size, _, err := remote.Read(buffer)
		if err != nil {
			return
		}
		if err := packet.Unmarshal(buffer[:size]); err != nil {
			continue
		}
		packet.Extension, packet.Extensions = false, nil
		if err := local.WriteRTP(packet); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

func (b *broadcaster) watch(offer string) (string, error) {
	connection, err := b.connection(true)
	if err != nil {
		return "", err
	}
	for _, track := range []*webrtc.TrackLocalStaticRTP{b.audio, b.video} {
		sender, err := connection.AddTrack(track)
		if err != nil {
			_ = connection.Close()
			return "", err
		}
		go b.listen(sender)
	}
	answer, err := answer(connection, offer)
	if err != nil {
		_ = connection.Close()
		return "", err
	}
	return answer, nil
}

// Reads a viewer's RTCP, which is how the interceptors get it.
func (b *broadcaster) listen(sender *webrtc.RTPSender) {
	for {
		messages, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, message := range messages {
			switch message.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				b.requestKeyFrame()
			}
		}
	}
}

func (b *broadcaster) requestKeyFrame() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.publisher == nil || b.videoSSRC == 0 || time.Since(b.requested) < keyFrameRequestInterval {
		return
	}
	b.requested = time.Now()
	_ = b.publisher.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(b.videoSSRC)}})
}

func drain(read func([]byte) (int, interceptor.Attributes, error)) {
	buffer := make([]byte, 1500)
	for {
		if _, _, err := read(buffer); err != nil {
			return
		}
	}
}

// Answers an offer with all candidates.
func answer(connection *webrtc.PeerConnection, offer string) (string, error) {
	err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	if err := connection.SetLocalDescription(answer); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), gatherMax)
	defer cancel()
	select {
	case <-gathered:
		return connection.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", errors.New("gathering candidates takes too long")
	}
}
