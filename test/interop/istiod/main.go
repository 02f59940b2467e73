// Runs Istio's discovery server without Kubernetes: its configuration comes from a folder, its certificate authority is
// its own, and the one thing that it asks an API server, whose a token is, is answered here. The token `test:NS:SA` is
// that of service account SA in namespace NS.
//
//	istiod -config DIR -mesh FILE -grpc HOST:PORT -tls HOST:PORT -http HOST:PORT -monitoring HOST:PORT -root FILE
//
// Writes the root certificate to FILE once it serves.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"
	"unsafe"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/keepalive"
	"istio.io/istio/pkg/kube"
)

const systemNamespace = "istio-system"

func main() {
	config := flag.String("config", "", "folder of Istio's YAML")
	mesh := flag.String("mesh", "", "mesh configuration")
	grpc := flag.String("grpc", "", "address in clear text")
	tls := flag.String("tls", "", "address with TLS")
	http := flag.String("http", "", "address of readiness")
	monitoring := flag.String("monitoring", "", "address of metrics")
	root := flag.String("root", "", "file to write the root certificate to")
	flag.Parse()

	client := kube.NewFakeClient(namespace(systemNamespace), namespace("demo"))
	client.Kube().(*fake.Clientset).PrependReactor("create", "tokenreviews", reviewToken)

	args := bootstrap.NewPilotArgs(func(args *bootstrap.PilotArgs) {
		args.Namespace = systemNamespace
		args.CniNamespace = systemNamespace
		args.PodName = "istiod"
		args.Revision = "default"
		args.ServerOptions = bootstrap.DiscoveryServerOptions{
			GRPCAddr: *grpc, SecureGRPCAddr: *tls, HTTPAddr: *http, MonitoringAddr: *monitoring,
		}
		args.RegistryOptions = bootstrap.RegistryOptions{FileDir: *config, Registries: []string{}}
		args.RegistryOptions.KubeOptions.DomainSuffix = "cluster.local"
		args.RegistryOptions.KubeOptions.ClusterID = cluster.ID("Kubernetes")
		args.MeshConfigFile = *mesh
		args.KeepaliveOptions = keepalive.DefaultOption()
		args.ShutdownDuration = time.Second
		args.CtrlZOptions = nil
	})
	server, err := bootstrap.NewServer(args, func(server *bootstrap.Server) {
		// There is no option for it, and without a client the configuration from files has nowhere to go.
		field := reflect.ValueOf(server).Elem().FieldByName("kubeClient")
		reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(client))
	})
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan struct{})
	if err := server.Start(stop); err != nil {
		log.Fatal(err)
	}
	secret, err := client.Kube().CoreV1().Secrets(systemNamespace).Get(context.Background(), "istio-ca-secret", meta.GetOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*root, secret.Data["ca-cert.pem"], 0o644); err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	close(stop)
	server.WaitUntilCompletion()
}

func namespace(name string) *core.Namespace {
	return &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: name}}
}

func reviewToken(action clienttesting.Action) (bool, runtime.Object, error) {
	review := action.(clienttesting.CreateAction).GetObject().(*authentication.TokenReview).DeepCopy()
	parts := strings.Split(review.Spec.Token, ":")
	if len(parts) == 3 && parts[0] == "test" {
		review.Status.Authenticated = true
		review.Status.User = authentication.UserInfo{
			Username: "system:serviceaccount:" + parts[1] + ":" + parts[2],
			Groups:   []string{"system:serviceaccounts"},
		}
	}
	return true, review, nil
}
