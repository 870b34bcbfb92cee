export default function Dashboard() {
  return (
    <>
      <h1>Dashboard</h1>
      <p>A view of this page is recorded as its route, /dashboard.</p>
    </>
  );
}
